/**
 * How much a process works on at a time. Two queues can grow inside it: the event loop's (the processor is busy) and the
 * database pool's (the database is). Their delays are measured, and above their targets the limit goes down quickly; below,
 * it comes back slowly. Request durations are no signal on purpose: a slow endpoint is not an overloaded process.
 */
export interface Signals {
  /** How late the event loop ran a timer, milliseconds. */
  readonly lagMs: number;
  /** How long the oldest statement has waited for a database connection, milliseconds. */
  readonly queueMs: number;
  /** Most requests in flight since the last look. */
  readonly peak: number;
}

export interface LimitState {
  readonly limit: number;
  /** Looks in a row that found a queue above its target; a single one may be a garbage collection. */
  readonly overdue: number;
}

/** Fewest requests the limit ever falls to: enough to keep a processor and a pool of connections busy. */
export const FLOOR = 16;
export const LAG_TARGET_MS = 20;
export const QUEUE_TARGET_MS = 50;
const TICK_MS = 20;

/** The next limit: down by a fifth from what was really in flight when a queue stands, else up by a tenth, between `FLOOR` and `max`. */
export function nextLimit(state: LimitState, max: number, signals: Signals): LimitState {
  const floor = Math.min(FLOOR, max);
  const standing = signals.lagMs > LAG_TARGET_MS || signals.queueMs > QUEUE_TARGET_MS;
  if (!standing) return { limit: Math.min(max, state.limit + Math.ceil(state.limit / 10)), overdue: 0 };
  if (state.overdue === 0) return { limit: state.limit, overdue: 1 };
  const from = Math.min(state.limit, Math.max(signals.peak, floor));
  return { limit: Math.max(floor, Math.floor(from * 0.8)), overdue: state.overdue + 1 };
}

export interface Gate {
  /** True when one more request may be worked on beside `inFlight` others. */
  admits(inFlight: number): boolean;
  limit(): number;
  close(): void;
}

/** Watches the queues while there is work (it is silent in a process at rest) and says whether a request is admitted. */
export function createGate(max: number, queueMs: () => number, inFlight: () => number): Gate {
  let state: LimitState = { limit: max, overdue: 0 };
  let peak = 0;
  let quiet = 0;
  let last = 0;
  let timer: NodeJS.Timeout | undefined;

  const look = () => {
    const now = performance.now();
    state = nextLimit(state, max, { lagMs: now - last - TICK_MS, queueMs: queueMs(), peak });
    last = now;
    quiet = peak === 0 ? quiet + 1 : 0;
    peak = inFlight();
    if (quiet > 50 && state.limit === max) close();
  };
  const close = () => {
    clearInterval(timer);
    timer = undefined;
  };

  return {
    admits(count) {
      if (count >= state.limit) return false;
      if (count >= peak) peak = count + 1;
      if (timer === undefined) {
        last = performance.now();
        quiet = 0;
        timer = setInterval(look, TICK_MS).unref();
      }
      return true;
    },
    limit: () => state.limit,
    close,
  };
}
