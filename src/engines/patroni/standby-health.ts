import type { Client } from "pg";
import type { Health } from "../engine.ts";
import { asSuperuser } from "./sign-in.ts";
import type { PatroniSpec } from "./spec.ts";
import { clusterView } from "./view.ts";

const QUESTION = `
  select receiver.status, receiver.received_tli as timeline, sender_host as "from",
         coalesce(pg_wal_lsn_diff(greatest(receiver.latest_end_lsn, pg_last_wal_receive_lsn()), pg_last_wal_replay_lsn()), 0)::float8 as "lagBytes",
         case when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
              else coalesce(extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000, 0) end::float8 as "lagMs",
         pg_get_wal_replay_pause_state() <> 'not paused' as paused
  from (values (1)) one left join pg_stat_wal_receiver receiver on true`;

interface Row {
  readonly status: string | null;
  readonly timeline: number | null;
  readonly from: string | null;
  readonly lagBytes: number;
  readonly lagMs: number;
  readonly paused: boolean;
}

/**
 * How a standby follows: from whom, on which timeline, and how far behind it shows what was committed. One that waits on
 * purpose (`applyDelayMs`) is healthy, and its lag tells. Patroni's own word for a standby is `running`, whatever it does.
 */
export async function standbyHealth(spec: PatroniSpec): Promise<Health> {
  const [row, view] = await Promise.all([
    asSuperuser(spec, question),
    // Without etcd nobody knows who leads; a standby that streams is as good as it was.
    clusterView([spec]).catch(() => []),
  ]);
  const leader = view.find(({ role }) => role === "primary");
  if (row.status !== "streaming") return { healthy: false, says: "a standby that does not stream from the leader" };
  if (leader?.timeline !== undefined && row.timeline !== null && row.timeline < leader.timeline) {
    return {
      healthy: false,
      says: `it follows timeline ${row.timeline}, ${leader.name} leads timeline ${leader.timeline}`,
    };
  }
  if (row.paused) return { healthy: false, says: "it shows nothing new: somebody paused it (pg_wal_replay_resume)" };
  return {
    healthy: true,
    details: {
      ...(row.timeline === null ? {} : { timeline: row.timeline }),
      lagBytes: Math.max(0, Math.round(row.lagBytes)),
      lagMs: Math.max(0, Math.round(row.lagMs)),
    },
  };
}

async function question(client: Client): Promise<Row> {
  const [row] = (await client.query<Row>(QUESTION)).rows;
  if (row === undefined) throw new Error("PostgreSQL told nothing");
  return row;
}
