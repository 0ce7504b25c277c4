import type { Pool } from "pg";

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
  readonly pool: Pool;
  readonly worker: string;
  readonly onRenewed: (nowMs: number) => void;
  readonly onLost: () => void;
  readonly onTrouble: (cause: unknown) => void;
}): Promise<HeldLease> {
  const { pool, worker } = options;
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
    const { rows } = await pool.query<{ now_ms: number; applied: string[] }>({
      name: "ninefold-renew",
      text: "select now_ms, applied::text[] from ninefold.renew($1, $2, $3)",
      values: [worker, [...running], STALE_MS],
    });
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
