import type { Logger } from "pino";
import type { Within } from "../data/index.ts";
import type { Answer, AskOptions } from "../service.ts";
import type { Handler } from "./handler.ts";
import { ownRequests } from "./own-requests.ts";
import type { HttpServer } from "./server.ts";

export interface WarmUp {
  /** Paths to ask for, each with its query. */
  readonly paths: readonly string[];
  /** What is played besides, as part of a rehearsal of the database. */
  readonly rehearse: ((ask: (path: string, options?: AskOptions) => Promise<Answer>) => Promise<void>) | undefined;
  readonly handler: Handler;
  /** A server of an app, for nobody else. */
  readonly serverOf: (handler: Handler) => HttpServer;
  readonly database: { rehearse(work: (within: Within) => Promise<void>): Promise<void> };
  readonly log: Logger;
}

/** Requests for each path, and rehearsals. */
const TIMES = 20;
/** At a time: more would call for connections to the database that nobody needs yet. */
const AT_ONCE = 2;
/** What takes long must not keep an instance from serving, milliseconds; for the paths, and for the rehearsals. */
const LONGEST_MS = 3_000;

/**
 * Has an instance's own app answer some requests before it serves: the first requests to a new process take many times as long as
 * later ones, since its code is not compiled and its connections to the database know no table yet. What they are answered is not
 * looked at.
 */
export async function warmUp(options: WarmUp): Promise<void> {
  await askFor(options);
  if (options.rehearse !== undefined) await rehearse(options, options.rehearse);
}

async function askFor({ paths, handler, serverOf }: WarmUp): Promise<void> {
  if (paths.length === 0) return;
  const own = await ownRequests(serverOf(unending(handler)), AT_ONCE, AbortSignal.timeout(LONGEST_MS));
  const all = Array.from({ length: TIMES }, () => paths).flat();
  await Promise.all(all.map((path) => own.ask(path).catch(() => undefined)));
  await own.end();
}

/** Each time from an empty stage: what was written is taken back. The first that fails is the last. */
async function rehearse(
  { handler, serverOf, database, log }: WarmUp,
  play: NonNullable<WarmUp["rehearse"]>,
): Promise<void> {
  let within: Within = (work) => work();
  const rehearsing = {
    ...unending(handler),
    handle: (...sent: Parameters<Handler["handle"]>) => within(() => handler.handle(...sent)),
  };
  const signal = AbortSignal.timeout(LONGEST_MS);
  const late = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  const own = await ownRequests(serverOf(rehearsing), AT_ONCE, signal);
  const all = async () => {
    for (let time = 0; time < TIMES && !signal.aborted; time++) {
      await database.rehearse((part) => {
        within = part;
        return play(own.ask);
      });
    }
  };
  try {
    await Promise.race([all(), late]);
  } catch (err) {
    log.warn({ err }, "the rehearsal failed; the first requests to this instance will take longer");
  } finally {
    await own.end();
  }
}

/** The app goes on after the server that warms it up has ended. */
function unending(handler: Handler): Handler {
  return { ...handler, close: async () => undefined };
}
