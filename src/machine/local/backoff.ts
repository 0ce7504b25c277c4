/** An instance that ran this long is taken to be well: its next end counts as the first again. Milliseconds. */
export const STABLE_MS = 10_000;

const LONGEST_MS = 5_000;

/**
 * How long to wait before the next start: none after the first end, then 100 ms, doubling to 5 s. An instance that keeps
 * ending must not eat the machine, and one that ended once must be back at once.
 * @param ends ends in a row, none of them after {@link STABLE_MS}; from 1
 */
export function restartDelay(ends: number): number {
  return ends <= 1 ? 0 : Math.min(LONGEST_MS, 100 * 2 ** (ends - 2));
}
