import { createRequire } from "node:module";
import type * as GraphileWorker from "graphile-worker";
import type { Logger } from "pino";

let loaded: typeof GraphileWorker | undefined;

/** graphile-worker, loaded when it is first asked for: a process that only enqueues does without, and begins a tenth of a second sooner. */
export function library(): typeof GraphileWorker {
  // Unless this is set before it is loaded, it builds a line for each job that it completes; nobody reads them.
  process.env.NO_LOG_SUCCESS ??= "1";
  loaded ??= createRequire(import.meta.url)("graphile-worker") as typeof GraphileWorker;
  return loaded;
}

/** Nothing of what the library says. */
export function silent(): GraphileWorker.Logger {
  return new (library().Logger)(() => () => {});
}

/** The same complaint is repeated at every poll while the database is away; once in this time says as much. */
const REPEAT_MS = 10_000;

/**
 * The library's messages in our log. Failed jobs are left out: our own run of the job has already said more about
 * them. Everything else of it is detail, but for errors, of which equal ones are told once in {@link REPEAT_MS}.
 */
export function libraryLog(log: Logger): GraphileWorker.Logger {
  const told = new Map<string, number>();
  return new (library().Logger)(() => (level, message, meta) => {
    if (meta.failure === true) return;
    if (level === "debug" || level === "info") return log.trace(message);
    const now = performance.now();
    const kind = message.slice(0, 40);
    if (now - (told.get(kind) ?? Number.NEGATIVE_INFINITY) < REPEAT_MS) return;
    told.set(kind, now);
    log.warn({ err: meta.error }, message);
  });
}
