/**
 * How much a process works on at a time. Two queues can grow inside it: the event loop's (the processor is busy) and the
 * database pool's (the database is). Their delays are measured, and above their targets the limit goes down quickly; below,
 * it comes back slowly. Request durations are no signal on purpose: a slow endpoint is not an overloaded process.
 */
export interface Signals {
  /** How late the event loop ran a timer, milliseconds. */
  readonly lagMs: number;
  /** How long a statement waits for a database connection, milliseconds; 0 while the database is away. */
  readonly queueMs: number;
  /** Most requests in flight since the last look, and the time since it in milliseconds. */
  readonly peak: number;
  readonly elapsedMs: number;
}

export interface LimitState {
  readonly limit: number;
  /** How long each look in a row has found a queue above its target, milliseconds. */
  readonly standingMs: number;
}

/**
 * Fewest requests the limit ever falls to. It keeps a processor and a pool of connections busy, and lies above what a
 * service at ordinary load has in flight, so that a busy neighbour on the machine cannot make it refuse anything.
 */
export const FLOOR = 64;
export const LAG_TARGET_MS = 50;
export const QUEUE_TARGET_MS = 100;
/** A queue that goes away within this time is a burst, a garbage collection or a neighbour, and no overload. */
export const PATIENCE_MS = 250;
const TICK_MS = 20;

/**
 * The next limit. While a queue stands for longer than `PATIENCE_MS`: down by a fifth, from what was really in flight.
 * Else up by a tenth. Between `FLOOR` and `max`.
 */
export function nextLimit(state: LimitState, max: number, signals: Signals): LimitState {
  const floor = Math.min(FLOOR, max);
  const standing = signals.lagMs > LAG_TARGET_MS || signals.queueMs > QUEUE_TARGET_MS;
  if (!standing) return { limit: Math.min(max, state.limit + Math.ceil(state.limit / 10)), standingMs: 0 };
  const standingMs = state.standingMs + signals.elapsedMs;
  if (standingMs < PATIENCE_MS) return { limit: state.limit, standingMs };
  const from = Math.min(state.limit, Math.max(signals.peak, floor));
  return { limit: Math.max(floor, Math.floor(from * 0.8)), standingMs };
}

export interface Gate {
  /** True when one more request may be worked on beside `inFlight` others. */
  admits(inFlight: number): boolean;
  limit(): number;
  close(): void;
}

/** Watches the queues while there is work (it is silent in a process at rest) and says whether a request is admitted. */
export function createGate(max: number, queueMs: () => number, inFlight: () => number): Gate {
  let state: LimitState = { limit: max, standingMs: 0 };
  let peak = 0;
  let quiet = 0;
  let last = 0;
  let timer: NodeJS.Timeout | undefined;

  const look = () => {
    const now = performance.now();
    const elapsedMs = now - last;
    state = nextLimit(state, max, { lagMs: elapsedMs - TICK_MS, queueMs: queueMs(), peak, elapsedMs });
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
