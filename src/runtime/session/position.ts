/**
 * A place in one cluster's write-ahead log. Positions of two timelines cannot be compared by `lsn`: after a failover the
 * new timeline may use the same numbers for other content.
 */
export interface Position {
  /** Name of the cluster in the endpoints document, such as `main`. */
  readonly cluster: string;
  /** PostgreSQL's timeline, 1 and up; each promotion begins a new one. */
  readonly timeline: number;
  /** Log sequence number, in bytes from the beginning of the log. */
  readonly lsn: bigint;
}

/** Whether `a` is further than `b`; a newer timeline is always further. */
export function isAfter(a: Position, b: Position): boolean {
  return a.timeline > b.timeline || (a.timeline === b.timeline && a.lsn > b.lsn);
}

/** Reads PostgreSQL's notation (`16/B374D848`). */
export function parseLsn(text: string): bigint {
  const slash = text.indexOf("/");
  return (BigInt(`0x${text.slice(0, slash)}`) << 32n) | BigInt(`0x${text.slice(slash + 1)}`);
}
