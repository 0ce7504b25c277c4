/** First wait and longest wait between tries, in milliseconds. */
export interface Backoff {
  readonly initialMs: number;
  readonly maxMs: number;
}

/**
 * Milliseconds until the next try after the `attempt`-th one (from 1) failed: anything between 0 and
 * `initialMs * 2^(attempt - 1)`, capped at `maxMs`. Full jitter, since jobs that failed together (a mail server that is
 * down) must not come back together.
 * @param random in [0, 1)
 * @see "Exponential Backoff And Jitter", AWS Architecture Blog
 */
export function retryDelay(attempt: number, { initialMs, maxMs }: Backoff, random: number): number {
  // Beyond 2^40 ms every cap is reached; the exponent is bounded so that it cannot overflow to Infinity.
  const ceiling = Math.min(maxMs, initialMs * 2 ** Math.min(attempt - 1, 40));
  return Math.floor(random * (ceiling + 1));
}
