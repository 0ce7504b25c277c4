import { parseLsn } from "../session/index.ts";
import { callOf, type Exchange, LinkLost, rowsOf } from "./exchange.ts";
import type { Link } from "./link.ts";
import { ownStatement } from "./statement.ts";

/** How far a standby had come when it was asked. */
export interface Replayed {
  /** All of the log up to here can be seen. */
  readonly lsn: bigint;
  /**
   * Nothing beyond could be seen before. A commit becomes visible a moment before its place counts as replayed, so where
   * more of the log has come than was replayed, the beginning of the next record belongs to it.
   */
  readonly shown: bigint;
  /** Transactions from this number on could not be seen. */
  readonly xmax: bigint;
  /** The log up to here is on its disk; undefined when it has received nothing since its start. */
  readonly received: bigint | undefined;
}

const NOTHING = "0/0";

/** In one column of text: it stands before and behind what sessions read. No answer from a server that was promoted. */
const REPLAYED = ownStatement(
  `select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() || ' ' || coalesce(pg_last_wal_receive_lsn(), '${NOTHING}')
    || ' ' || pg_snapshot_xmax(pg_current_snapshot()) end as at`,
  "replayed",
  "unknown",
);

/** Asks a standby; `done` gets no place when the connection broke, or the server is no standby any more. */
export function replayedExchange(done: (replayed: Replayed | undefined, error: Error | undefined) => void): Exchange {
  const call = callOf(REPLAYED);
  return {
    calls: [call],
    mayWait: false,
    sent: false,
    end(error) {
      const row = rowsOf(call)[0] as { at: string | null } | undefined;
      done(error !== undefined || row?.at == null ? undefined : readReplayed(row.at), causeOf(error));
    },
  };
}

function causeOf(error: Error | undefined): Error | undefined {
  return error instanceof LinkLost && error.cause instanceof Error ? error.cause : error;
}

function readReplayed(text: string): Replayed {
  const [replay = "", receive = "", xmax = ""] = text.split(" ");
  const lsn = parseLsn(replay);
  const received = receive === NOTHING ? undefined : parseLsn(receive);
  return { lsn, shown: replay === receive ? lsn : lsn + 1n, xmax: BigInt(xmax), received };
}

/** Numbers from `xmax` on are of transactions that cannot be seen, and `pg_xact_status` fails for those not given out yet. */
const COMMITTED = ownStatement(
  `select x from unnest(string_to_array($1, ',')) as x where case when x::xid8 < pg_snapshot_xmax(pg_current_snapshot())
    then pg_xact_status(x::xid8) = 'committed' end`,
  "committed",
  "unknown",
);

/** Which of these transactions the standby behind a connection shows; undefined unless it has replayed `lsn`. */
export function committedOn(link: Link, xids: readonly bigint[], lsn: bigint): Promise<readonly bigint[] | undefined> {
  return new Promise((resolve) => {
    let far = false;
    link.send(
      replayedExchange((replayed) => {
        far = replayed !== undefined && replayed.lsn >= lsn;
      }),
    );
    const call = callOf(COMMITTED, [xids.join(",")]);
    const end = (error: Error | undefined) =>
      resolve(error === undefined && far ? rowsOf(call).map((row) => BigInt((row as { x: string }).x)) : undefined);
    link.send({ calls: [call], mayWait: false, sent: false, end });
    link.flush();
  });
}
