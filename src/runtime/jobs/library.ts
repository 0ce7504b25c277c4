import "./quiet.ts";
import { Logger as LibraryLogger, parseCronItem, runMigrations, runTaskList } from "graphile-worker";
import type { Logger } from "pino";

/** The one place that loads graphile-worker, so that it is loaded after what it reads at that moment is set. */
export { parseCronItem, runMigrations, runTaskList };

/** Nothing of what the library says. */
export const silent = new LibraryLogger(() => () => {});

/** The same complaint is repeated at every poll while the database is away; once in this time says as much. */
const REPEAT_MS = 10_000;

/**
 * The library's messages in our log. Failed jobs are left out: our own run of the job has already said more about
 * them. Everything else of it is detail, but for errors, of which equal ones are told once in {@link REPEAT_MS}.
 */
export function libraryLog(log: Logger): LibraryLogger {
  const told = new Map<string, number>();
  return new LibraryLogger(() => (level, message, meta) => {
    if (meta.failure === true) return;
    if (level === "debug" || level === "info") return log.trace(message);
    const now = performance.now();
    const kind = message.slice(0, 40);
    if (now - (told.get(kind) ?? Number.NEGATIVE_INFINITY) < REPEAT_MS) return;
    told.set(kind, now);
    log.warn({ err: meta.error }, message);
  });
}
