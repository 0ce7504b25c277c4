import type { Logger } from "pino";
import type { Response } from "./message.ts";

const SLOW_MS = 1_000;
const SHED_LINE_EVERY_MS = 1_000;

/**
 * Writes a line for a request that is over. What went wrong is always told: 5xx as `error`, slower than a second as `info`.
 * All others are `debug`, which is off by default, since a line for each costs more than all else Ninefold does for it.
 * A 503 under overload would be a line for each refused request when there is least time for it: they are counted, one line a second.
 */
export function accessLog(log: Logger): (response: Response) => void {
  const everything = log.isLevelEnabled("debug");
  let shed = 0;
  let lastLine = 0;
  return (response) => {
    const status = response.statusCode;
    const ms = performance.now() - response.started;
    if (!everything && status < 500 && ms < SLOW_MS) return;
    if (response.context === undefined && status === 503) {
      shed += 1;
      const now = performance.now();
      if (now - lastLine < SHED_LINE_EVERY_MS) return;
      log.warn({ shed }, "overloaded: requests were refused");
      shed = 0;
      lastLine = now;
      return;
    }
    const { method, url } = response.req;
    const line = {
      requestId: response.requestId,
      method,
      url,
      // What nginx calls 499: the client went away before the answer was whole.
      status: response.writableFinished ? status : 499,
      ms: Math.round(ms * 10) / 10,
    };
    if (status >= 500) log.error(line, "request");
    else if (ms >= SLOW_MS) log.info(line, "slow request");
    else log.debug(line, "request");
  };
}
