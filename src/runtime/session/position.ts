/**
 * A place in one cluster's write-ahead log. Positions of two servers that are no copies of each other cannot be compared
 * at all, and those of two timelines not by `lsn`: after a failover the new timeline may use the same numbers for other
 * content.
 */
export interface Position {
  /** Name of the cluster in the endpoints document, such as `main`. */
  readonly cluster: string;
  /** PostgreSQL's system identifier, in decimal: which server, with its copies, the log belongs to. */
  readonly system: string;
  /** Epoch of endpoints that named this server for the cluster, 1 and up: tells positions before a move from those after. */
  readonly epoch: number;
  /** PostgreSQL's timeline, 1 and up; each promotion begins a new one. */
  readonly timeline: number;
  /** Log sequence number, in bytes from the beginning of the log. */
  readonly lsn: bigint;
  /**
   * Transactions below this number may have been seen on a standby, which shows a commit before the primary does; the
   * primary must show them too before the session goes on there. Absent when nothing was read on a standby.
   */
  readonly seen?: bigint;
}

/**
 * Whether `a` is further than `b`. A newer timeline is always further. What a move took to another server was all there
 * before that one was opened, so a position on the server of later endpoints is further than any on the earlier one.
 */
export function isAfter(a: Position, b: Position): boolean {
  if (a.system !== b.system) return a.epoch > b.epoch;
  return a.timeline > b.timeline || (a.timeline === b.timeline && a.lsn > b.lsn);
}

/** Adds a position to the furthest ones of each cluster. Gives false when it is none of them. */
export function advance(furthest: Map<string, Position>, position: Position): boolean {
  const before = furthest.get(position.cluster);
  if (before?.system !== position.system) {
    if (before !== undefined && !isAfter(position, before)) return false;
    furthest.set(position.cluster, position);
    return true;
  }
  // Transaction numbers of an earlier timeline say nothing more: what the new primary began with, it shows.
  const seen = before.timeline === position.timeline ? most(before.seen, position.seen) : position.seen;
  const further = isAfter(position, before);
  if (!further && (before.timeline !== position.timeline || seen === before.seen)) return false;
  // A server that was moved away from and back to is known by the latest of its epochs.
  const epoch = Math.max(before.epoch, position.epoch);
  const { seen: _, ...place } = further ? position : before;
  furthest.set(position.cluster, { ...place, epoch, ...(seen === undefined ? {} : { seen }) });
  return true;
}

function most(a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a > b ? a : b;
}

/** Reads PostgreSQL's notation (`16/B374D848`). */
export function parseLsn(text: string): bigint {
  const slash = text.indexOf("/");
  return (BigInt(`0x${text.slice(0, slash)}`) << 32n) | BigInt(`0x${text.slice(slash + 1)}`);
}
