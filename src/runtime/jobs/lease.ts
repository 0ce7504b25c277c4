import type { FollowingPool } from "./following.ts";

/** A worker that renews no lease for this long is dead to the others, in milliseconds. */
export const STALE_MS = 5_000;
const RENEW_MS = 1_000;

/** A worker process's right to the jobs it holds. */
export interface Lease {
  /** Identity in `locked_by`, and in advisory locks. */
  readonly worker: string;
  readonly number: number;
  /** Ids of the jobs that run now. */
  readonly running: Set<string>;
  /** Aborted when the jobs that still run must end: the lease is lost, or the time to drain is over. */
  readonly signal: AbortSignal;
  /**
   * Renews now, and so writes down which jobs run; gives those of them whose effect is already applied. Calls made while
   * one is on its way share the next one.
   */
  note(): Promise<ReadonlySet<string>>;
}

export interface HeldLease extends Lease {
  /** Stops renewing and tells what still runs. */
  abort(): void;
  stop(): void;
}

/**
 * Takes a lease for a worker of this name and renews it every second, until it is stopped or lost.
 * @param pool connections for nothing else, so that no slow statement can hold a renewal up
 * @param onRenewed called with the database's time, in milliseconds since 1970
 * @param onLost called once when another worker has taken over
 * @param onTrouble called for each renewal that failed; the next one may succeed
 */
export async function takeLease(options: {
  readonly pool: FollowingPool;
  readonly worker: string;
  readonly onRenewed: (nowMs: number) => void;
  readonly onLost: () => void;
  readonly onTrouble: (cause: unknown) => void;
}): Promise<HeldLease> {
  const { pool, worker } = options;
  const held = holdUps(performance.now());
  const { rows } = await pool.query<{ number: number }>(
    "insert into ninefold.workers (id) values ($1) returning number",
    [worker],
  );
  const number = rows[0]?.number;
  if (number === undefined) throw new Error(`no lease was given to ${worker}`);

  const running = new Set<string>();
  const ending = new AbortController();
  let current: Promise<unknown> = Promise.resolve();
  let next: Promise<ReadonlySet<string>> | undefined;

  const renew = async (): Promise<ReadonlySet<string>> => {
    next = undefined;
    const { rows } = await pool.ask<{ now_ms: number; applied: string[] }>(() => ({
      name: "ninefold-renew",
      text: "select now_ms, applied::text[] from ninefold.renew($1, $2, $3)",
      values: [worker, [...running], STALE_MS + held.excuse(performance.now())],
    }));
    held.renewed(performance.now());
    const [renewed] = rows;
    if (renewed === undefined) {
      lose();
      throw new Error(`the lease of ${worker} is lost`);
    }
    options.onRenewed(renewed.now_ms);
    return new Set(renewed.applied);
  };
  const note = (): Promise<ReadonlySet<string>> => {
    if (next === undefined) {
      next = current.then(renew, renew);
      current = next;
    }
    return next;
  };
  const timer = setInterval(() => void note().catch(options.onTrouble), RENEW_MS);
  let lost = false;
  const lose = () => {
    clearInterval(timer);
    ending.abort();
    if (!lost) options.onLost();
    lost = true;
  };
  note().catch(options.onTrouble);
  return {
    worker,
    number,
    running,
    signal: ending.signal,
    note,
    abort: () => ending.abort(),
    stop: () => clearInterval(timer),
  };
}

/**
 * What held one worker's renewals up, an outage or a move, has held up those of all: for as long as that lasted it takes
 * nobody's jobs over, and for {@link STALE_MS} afterwards it allows the others that much longer. Milliseconds of
 * `performance.now()`.
 */
function holdUps(begun: number) {
  let last = begun;
  let longest = 0;
  let until = 0;
  return {
    excuse: (now: number) => Math.ceil(Math.max(now - last - RENEW_MS, now < until ? longest : 0, 0)),
    renewed: (now: number) => {
      const gap = now - last;
      if (gap > 2 * RENEW_MS) [longest, until] = [gap, now + STALE_MS];
      last = now;
    },
  };
}
