import type { DatabaseStats } from "./data/index.ts";

/**
 * How long a statement waits for a database connection: what waits, divided by what was answered of late (Little's law).
 * 0 while nothing is answered at all: then the database is away, and how long its callers are held is decided by `holdMs`.
 * @param now milliseconds
 */
export function queueDelay(
  stats: () => Pick<DatabaseStats, "waiting" | "statements">,
  now: () => number,
): () => number {
  let statements = stats().statements;
  let at = now();
  return () => {
    const current = stats();
    const time = now();
    const done = current.statements - statements;
    const elapsed = time - at;
    statements = current.statements;
    at = time;
    return current.waiting === 0 || done <= 0 || elapsed <= 0 ? 0 : (current.waiting * elapsed) / done;
  };
}
