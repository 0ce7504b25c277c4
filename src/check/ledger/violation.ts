import type { Op } from "../operation.ts";

/**
 * A broken promise.
 * - `lost`: an acknowledged write is not there at the end, or an effect never came
 * - `duplicated`: a write or an effect shows twice
 * - `stale`: a session misses its own write, or goes back behind what it had seen
 * - `aborted`: a write that was reported failed shows nevertheless
 * - `garbage`: something shows that nobody wrote, or in the wrong place
 * - `reordered`: an earlier write stands behind a later one
 * - `miscounted`: a derived counter does not fit its members
 */
export const PROMISES = ["lost", "duplicated", "stale", "aborted", "garbage", "reordered", "miscounted"] as const;
export type BrokenPromise = (typeof PROMISES)[number];

export interface Violation {
  readonly promise: BrokenPromise;
  /** Part and key of the model, such as `comments of hello-world`. */
  readonly at: string;
  readonly says: string;
  /** The operations that show it, in the order of the journal; at most ten. */
  readonly ops: readonly Op[];
}

/** Receives what the ledger finds. */
export type Verdict = (promise: BrokenPromise, at: string, says: string, ops: ReadonlyArray<Op | undefined>) => void;

const KEPT = 20;

/** Counts broken promises and keeps the shortest histories of each; bounded however many there are. */
export interface Violations {
  readonly counts: Record<BrokenPromise, number>;
  readonly add: Verdict;
  /** The kept ones, shortest history first. */
  list(): readonly Violation[];
}

export function createViolations(): Violations {
  const counts = Object.fromEntries(PROMISES.map((promise) => [promise, 0])) as Record<BrokenPromise, number>;
  const kept = new Map<BrokenPromise, Violation[]>();
  return {
    counts,
    add(promise, at, says, involved) {
      counts[promise]++;
      const list = kept.get(promise) ?? [];
      kept.set(promise, list);
      if (list.length >= KEPT) return;
      const ops = [...new Set(involved.filter((op) => op !== undefined))]
        .sort((a, b) => a.began - b.began)
        .slice(0, 10);
      list.push({ promise, at, says, ops });
    },
    list: () => [...kept.values()].flat().sort((a, b) => a.ops.length - b.ops.length),
  };
}
