import type { Session } from "../session/index.ts";
import { parseLsn } from "../session/index.ts";
import { callOf, type Exchange, rowsOf } from "./exchange.ts";
import type { Identity } from "./identity.ts";
import { ownStatement } from "./statement.ts";

/**
 * Sent right behind a commit. Flushed, not inserted: the insert position contains what other sessions have not committed,
 * and standbys would be waited for in vain.
 */
const POSITION = ownStatement("select pg_current_wal_flush_lsn()::text as lsn", "position", "read");

/**
 * Tells the session how far the log has come, then calls `done`. The commit before it has been answered already, so
 * what goes wrong here goes wrong silently: the session only knows less.
 */
export function positionExchange(
  session: Session,
  cluster: string,
  { system, timeline }: Identity,
  epoch: number,
  done: () => void,
): Exchange {
  const call = callOf(POSITION);
  return {
    calls: [call],
    mayWait: false,
    sent: false,
    end(error) {
      const row = rowsOf(call)[0] as { lsn: string } | undefined;
      if (error === undefined && row !== undefined) {
        session.merge({ cluster, system, epoch, timeline, lsn: parseLsn(row.lsn) });
      }
      done();
    },
  };
}
