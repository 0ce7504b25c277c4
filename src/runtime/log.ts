import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from "pino";
import type { InstanceConfig } from "../topology/instance-config.ts";

export interface Log {
  readonly log: Logger;
  /** Writes what is buffered. Call before the process ends. */
  flush(): void;
}

/**
 * The instance's log, JSON lines on standard output. Lines are written in the background, so that a slow disk does not
 * stop the event loop; the one-shot roles log to standard error, at once, since their standard output carries their result.
 */
export function openLog(config: Pick<InstanceConfig, "instance" | "role" | "logLevel">): Log {
  const oneShot = config.role === "inspect" || config.role === "migrate";
  const stream = destination({ dest: oneShot ? 2 : 1, sync: oneShot });
  return { log: logTo(stream, config), flush: () => stream.flushSync() };
}

/** The same logger on any stream. */
export function logTo(stream: DestinationStream, config: Pick<InstanceConfig, "instance" | "logLevel">): Logger {
  return pino(
    {
      level: config.logLevel,
      base: { instance: config.instance, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
    },
    stream,
  );
}
