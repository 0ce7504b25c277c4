import type { Client } from "pg";
import type { Health, Placed } from "../engine.ts";
import { whyUnreachable } from "../json-request.ts";
import { isDiskFull } from "../postgres/problem.ts";
import { reasonInLog } from "../reason-in-log.ts";
import { type MemberStatus, memberStatus } from "./rest.ts";
import { asSuperuser } from "./sign-in.ts";
import type { PatroniSpec } from "./spec.ts";
import { standbyHealth } from "./standby-health.ts";

const ANSWER_MS = 5_000;

const QUESTION = `
  select current_setting('server_version') as version,
         (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as connections,
         extract(epoch from now() - pg_postmaster_start_time())::int as "uptimeSeconds",
         pg_is_in_recovery() as standby,
         case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end::text as position`;

interface Row {
  readonly version: string;
  readonly connections: number;
  readonly uptimeSeconds: number;
  readonly standby: boolean;
  readonly position: string;
}

/**
 * Signs in to PostgreSQL, and asks Patroni what it is: `role` is `primary` or `replica`. A primary is healthy only when it
 * takes writes and Patroni holds the leader's key for it; a replica when it streams, see standbyHealth().
 */
export async function patroniHealth(instance: Placed<PatroniSpec>): Promise<Health> {
  const health = await ask(instance.spec);
  if (health.healthy) return health;
  const { address, port, restPort } = instance.spec;
  const reason = await reasonInLog(instance.folder, [
    ["[Errno 98] Address already in use", `another program has port ${restPort} of ${address}`],
    ["could not bind IPv4 address", `another program has port ${port} of ${address}`],
    ["No space left on device", "the disk is full; free some space"],
    ["Etcd3 authentication failed", "etcd has another password of Patroni's user than this deployment"],
    ["database system is ready to accept", ""],
  ]);
  return reason
    ? { healthy: false, says: `${health.says}: ${reason}`, blocked: reason.startsWith("another program") }
    : health;
}

async function ask(spec: PatroniSpec): Promise<Health> {
  let member: MemberStatus;
  try {
    member = await memberStatus(spec, ANSWER_MS);
  } catch (cause) {
    const why = whyUnreachable(cause);
    return {
      healthy: false,
      says: why === "ECONNREFUSED" ? "Patroni is not running" : `Patroni does not answer: ${why}`,
    };
  }
  if (member.state !== "running") return { healthy: false, says: `PostgreSQL: ${member.state}` };
  try {
    const { standby, ...row } = await asSuperuser(spec, question);
    const { role, timeline } = member;
    if (role === "primary" && !member.leads) return { healthy: false, says: "a primary without the leader's key" };
    if (standby !== (role !== "primary"))
      return { healthy: false, says: `becoming ${standby ? "primary" : "replica"}` };
    const details = { role, ...row, ...(timeline === undefined ? {} : { timeline }) };
    if (!standby) return { healthy: true, details };
    const follows = await standbyHealth(spec);
    return follows.healthy ? { healthy: true, details: { ...details, ...follows.details } } : follows;
  } catch (cause) {
    const { code, message } = cause as Error & { code?: string };
    if (isDiskFull(cause)) return { healthy: false, says: "the disk is full; free some space" };
    if (code === "57P03") return { healthy: false, says: "starting up" };
    if (code === "ECONNREFUSED") return { healthy: false, says: "PostgreSQL is not running" };
    if (code === "28P01") {
      return { healthy: false, says: "running, but it refuses the superuser's password of this deployment" };
    }
    return { healthy: false, says: `PostgreSQL does not answer: ${message}` };
  }
}

async function question(client: Client): Promise<Row> {
  const [row] = (await client.query<Row>(QUESTION)).rows;
  if (row === undefined) throw new Error("PostgreSQL told nothing");
  return row;
}
