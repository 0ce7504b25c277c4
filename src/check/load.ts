import { performance } from "node:perf_hooks";

/**
 * An open-loop schedule: operation `i` is meant to start at `i / rate`, fixed in advance and whatever the service does,
 * so that a slow answer delays nobody's clock (no coordinated omission).
 */
export interface OpenLoop {
  /** Ends the schedule; operations that are due already are still handed out. */
  stop(): void;
  /** Operations handed out so far. */
  readonly due: number;
}

/** Latest start behind its time that is still caught up in one go; bounds the burst after the generator itself was suspended. */
const BATCH = 10_000;

/**
 * Calls `due` for each operation at its time, with the intended time in milliseconds on the clock of `performance.now()`.
 * @param rate operations per second, more than 0
 */
export function openLoop(rate: number, due: (intendedMs: number, index: number) => void): OpenLoop {
  const start = performance.now();
  const every = 1000 / rate;
  let index = 0;
  let stopped = false;
  let timer: NodeJS.Timeout;
  const turn = () => {
    const now = performance.now();
    for (let n = 0; n < BATCH && !stopped && start + index * every <= now; n++) {
      due(start + index * every, index);
      index++;
    }
    if (!stopped) timer = setTimeout(turn, Math.max(0, start + index * every - performance.now()));
  };
  timer = setTimeout(turn, 0);
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
    get due() {
      return index;
    },
  };
}
