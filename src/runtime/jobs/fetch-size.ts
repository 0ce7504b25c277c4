/** How long the jobs of one fetch should keep a worker busy, in milliseconds. */
const WORTH_MS = 250;

/** What the last fetch showed: how many jobs it asked for and got, and the milliseconds until it was used up. */
export interface Fetched {
  readonly asked: number;
  readonly got: number;
  readonly lastedMs: number;
}

/**
 * How many jobs to fetch next. A fetched job is out of reach of other workers and of later, more urgent jobs, so
 * a worker takes what it will have done in a quarter of a second: as few as it can run at a time when jobs are slow, hundreds
 * when they are short, where fetching them one by one would cost more than running them.
 */
export function nextFetchSize(last: Fetched, least: number, most: number): number {
  if (last.got < last.asked) return last.asked;
  const wanted = Math.ceil((last.got / Math.max(last.lastedMs, 1)) * WORTH_MS);
  return Math.max(least, Math.min(wanted, last.asked * 2, most));
}
