import type { Link } from "./link.ts";

/** Reads sent to a connection ahead of their answers. Enough to keep a backend busy; more would only lengthen its queue. */
export const DEPTH = 8;
/** A connection that has not answered for so long runs something slow: nothing is queued behind it, in milliseconds. */
const SLOW_MS = 10;

/** Whether somebody has it, or answers are due. */
export function isBusy(link: Link): boolean {
  return link.reserved || link.inFlight > 0;
}

/**
 * The connection with the least under way that new work may go to, if one has less than `depth`.
 * @param behindCommit whether the work may wait for the end of a commit, which takes any time while a standby is stalled
 */
export function leastBusy(links: readonly Link[], now: number, depth: number, behindCommit = false): Link | undefined {
  let best: Link | undefined;
  let least = depth;
  for (const link of links) {
    if (link.reserved || link.retiring || link.waits > 0) continue;
    if (link.committing && !behindCommit) continue;
    const { inFlight } = link;
    if (inFlight >= least || (inFlight > 0 && now - link.progressAt > SLOW_MS)) continue;
    if (inFlight === 0) return link;
    best = link;
    least = inFlight;
  }
  return best;
}
