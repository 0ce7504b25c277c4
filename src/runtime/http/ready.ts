import type { Request, Response } from "./message.ts";

/** Path at which a balancer asks whether it may send requests here: 200, or 503 while the server leaves. */
export const READY_PATH = "/.ninefold/ready";

/** Longest time a leaving server waits for its balancers to notice before it stops to accept, in milliseconds. */
const ANNOUNCE_MS = 1_500;
/** Refusals after which a balancer is taken to have noticed, and the time it gets to act on the last one. */
const ENOUGH = 2;
const ACT_MS = 100;

/** What a server tells its balancers of itself. */
export interface Readiness {
  /** Answers the question, in the service's place. */
  answer(request: Request, response: Response): void;
  /** Says no from now on; resolves once the balancers have been told, or are not asking. */
  leave(withinMs: number): Promise<void>;
}

export function createReadiness(): Readiness {
  let leaving = false;
  let refused = 0;
  let noticed: (() => void) | undefined;
  return {
    answer(request, response) {
      const [status, body] = leaving ? ([503, "leaving\n"] as const) : ([200, "ready\n"] as const);
      if (leaving) response.shouldKeepAlive = false;
      response.writeHead(status, {
        "content-type": "text/plain",
        "content-length": body.length,
        "cache-control": "no-store",
      });
      response.end(request.method === "HEAD" ? undefined : body);
      if (leaving && ++refused === ENOUGH) setTimeout(() => noticed?.(), ACT_MS);
    },
    leave(withinMs) {
      leaving = true;
      return new Promise((resolve) => {
        const timer = setTimeout(resolve, Math.min(ANNOUNCE_MS, withinMs));
        noticed = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    },
  };
}
