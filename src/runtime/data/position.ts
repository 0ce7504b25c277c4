import { type Position, parseLsn } from "../session/index.ts";
import { callOf, type Exchange, rowsOf } from "./exchange.ts";
import { IDENTITY_COLUMNS, type Identity } from "./identity.ts";
import { ownStatement } from "./statement.ts";

/** Flushed, not inserted: the insert position contains what others have not committed, and standbys would be waited for in vain. */
export const PROGRESS_COLUMNS =
  "pg_current_wal_flush_lsn()::text as lsn, pg_snapshot_xmin(pg_current_snapshot())::text as xmin";

/** Sent right behind a commit. */
const POSITION = ownStatement(`select ${PROGRESS_COLUMNS}`, "position", "read");

/** How far a primary has come. */
export interface Progress {
  readonly position: Position;
  /** All transactions below this number are finished, and can be seen if they were committed. */
  readonly xmin: bigint;
}

/**
 * Tells the row of {@link PROGRESS_COLUMNS}, undefined when that could not be learned. The commit before it has been answered
 * already, so what goes wrong here goes wrong silently: the session only knows less.
 */
export function positionExchange(tell: (row: unknown) => void): Exchange {
  const call = callOf(POSITION);
  return {
    calls: [call],
    mayWait: false,
    sent: false,
    end: (error) => tell(error === undefined ? rowsOf(call)[0] : undefined),
  };
}

/** The same, asked by itself; with where it was asked, because the caller does not know the connection. */
export const PROGRESS = ownStatement(`select ${PROGRESS_COLUMNS}, ${IDENTITY_COLUMNS}`, "progress", "read");

/** A row of {@link PROGRESS_COLUMNS} from this server; of {@link PROGRESS} it names the server itself. */
export function progressOf(
  row: unknown,
  cluster: string,
  epoch: number,
  identity: Identity | undefined,
): Progress | undefined {
  if (identity === undefined || row === undefined) return undefined;
  const { system, timeline } = identity;
  const { lsn, xmin } = row as { lsn: string; xmin: string };
  return { position: { cluster, system, epoch, timeline, lsn: parseLsn(lsn) }, xmin: BigInt(xmin) };
}
