import { type Position, parseLsn } from "../session/index.ts";
import { callOf, type Exchange, rowsOf } from "./exchange.ts";
import { IDENTITY_COLUMNS, type Identity, identityOf } from "./identity.ts";
import { ownStatement } from "./statement.ts";

/**
 * Sent right behind a commit. Flushed, not inserted: the insert position contains what other sessions have not committed,
 * and standbys would be waited for in vain.
 */
const POSITION = ownStatement(
  "select pg_current_wal_flush_lsn()::text as lsn, pg_snapshot_xmin(pg_current_snapshot())::text as xmin",
  "position",
  "read",
);

/** How far a primary has come. */
export interface Progress {
  readonly position: Position;
  /** All transactions below this number are finished, and can be seen if they were committed. */
  readonly xmin: bigint;
}

/**
 * Tells how far the log has come, undefined when that could not be learned. The commit before it has been answered already,
 * so what goes wrong here goes wrong silently: the session only knows less.
 */
export function positionExchange(
  cluster: string,
  { system, timeline }: Identity,
  epoch: number,
  done: (progress: Progress | undefined) => void,
): Exchange {
  const call = callOf(POSITION);
  return {
    calls: [call],
    mayWait: false,
    sent: false,
    end(error) {
      const row = rowsOf(call)[0] as { lsn: string; xmin: string } | undefined;
      if (error !== undefined || row === undefined) done(undefined);
      else done({ position: { cluster, system, epoch, timeline, lsn: parseLsn(row.lsn) }, xmin: BigInt(row.xmin) });
    },
  };
}

/** The same, asked by itself; with where it was asked, because the caller does not know the connection. */
export const PROGRESS = ownStatement(
  `select pg_current_wal_flush_lsn()::text as lsn, pg_snapshot_xmin(pg_current_snapshot())::text as xmin, ${IDENTITY_COLUMNS}`,
  "progress",
  "read",
);

/** A row of {@link PROGRESS}. */
export function progressOf(row: unknown, cluster: string, epoch: number): Progress | undefined {
  const identity = identityOf(row);
  const { lsn, xmin } = row as { lsn: string; xmin: string };
  if (identity === undefined) return undefined;
  const { system, timeline } = identity;
  return { position: { cluster, system, epoch, timeline, lsn: parseLsn(lsn) }, xmin: BigInt(xmin) };
}
