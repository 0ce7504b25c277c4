import { isDeepStrictEqual } from "node:util";
import type { Client } from "pg";
import type { Placed } from "../engine.ts";
import { patroniAsk } from "./rest.ts";
import { clusterSettings, memberParameters } from "./settings.ts";
import { asSuperuser } from "./sign-in.ts";
import type { PatroniSpec } from "./spec.ts";
import { until } from "./until.ts";
import { clusterView, leaderOf } from "./view.ts";

const ANSWER_MS = 15_000;
const RELOAD_MS = 30_000;
const RESTART_MS = 120_000;

/** Settings of PostgreSQL that are taken up at a start only. */
const AT_START = [
  "max_connections",
  "superuser_reserved_connections",
  "shared_buffers",
  "max_prepared_transactions",
  "max_wal_senders",
  "max_replication_slots",
  "max_worker_processes",
  "max_logical_replication_workers",
  "wal_level",
  "archive_mode",
];

/**
 * Makes a running member take up the settings of `next`, whose files must be written by now, whatever its role. PostgreSQL is
 * restarted, by Patroni, only where a setting that differs needs it. Safe to run again, whatever cut a first try short.
 * Where there are standbys, changeSettingsOfAll() does this in the right order.
 * @returns `restart` where `next` has other addresses, ports or binaries, which need a stop and a start of Patroni itself
 * @throws PatroniFailed
 */
export async function changeSettings(instance: Placed<PatroniSpec>, next: PatroniSpec): Promise<"changed" | "restart"> {
  if (!isDeepStrictEqual(place(instance.spec), place(next))) return "restart";
  await patroniAsk(next, "PATCH", "/config", clusterSettings(next), ANSWER_MS);
  await patroniAsk(next, "POST", "/reload", {}, ANSWER_MS);
  await until(instance.folder, "Patroni wrote the new settings", () => asSuperuser(next, written(next)), RELOAD_MS);
  const since = await asSuperuser(next, reload);
  await until(
    instance.folder,
    "PostgreSQL read the new settings",
    () => asSuperuser(next, readSince(since)),
    RELOAD_MS,
  );
  await until(instance.folder, "Patroni set the standby's delay", () => asSuperuser(next, delays(next)), RELOAD_MS);
  if (await asSuperuser(next, inForce(next))) return "changed";
  await patroniAsk(next, "POST", "/restart", {}, RESTART_MS);
  await until(
    instance.folder,
    "PostgreSQL restarted with the new settings",
    () => asSuperuser(next, inForce(next)),
    RESTART_MS,
  );
  return "changed";
}

/** What a running Patroni cannot take up. It learns of etcd's members from etcd itself. */
function place(spec: PatroniSpec) {
  const { address, port, restPort, scope, binaries, database, secrets, patroniSecrets, etcdSecrets, durable } = spec;
  return { address, port, restPort, scope, binaries, database, secrets, patroniSecrets, etcdSecrets, durable };
}

/**
 * changeSettings() for all members of a cluster, whose files must be written by now. A standby may never have room for less than
 * its primary (manual 27.4.6, "Administrator's Overview"), so the standbys are first to get more, and last to get less.
 * Safe to run again. @throws PatroniFailed
 */
export async function changeSettingsOfAll(
  members: readonly Placed<PatroniSpec>[],
  size: Pick<PatroniSpec, "maxConnections" | "memoryMb">,
): Promise<void> {
  const leads = leaderOf(await clusterView(members.map(({ spec }) => spec)));
  const leader = members.filter(({ name }) => name === leads);
  const standbys = members.filter(({ name }) => name !== leads);
  const less = members.some(({ spec }) => spec.maxConnections > size.maxConnections);
  for (const member of less ? [...leader, ...standbys] : [...standbys, ...leader]) {
    if (less && member.name !== leads) await caughtUp(leader, member);
    await changeSettings(member, { ...member.spec, ...size });
  }
}

/** A standby knows of its primary's lower settings from the log. */
async function caughtUp([leader]: readonly Placed<PatroniSpec>[], standby: Placed<PatroniSpec>): Promise<void> {
  if (leader === undefined) return;
  const position = await asSuperuser(leader.spec, async (client) => {
    const { rows } = await client.query<{ at: string }>("select pg_current_wal_flush_lsn()::text as at");
    return rows[0]?.at;
  });
  const replayed = async (client: Client) => {
    const { rows } = await client.query<{ reached: boolean }>(
      "select pg_last_wal_replay_lsn() >= $1::pg_lsn as reached",
      [position],
    );
    return rows[0]?.reached === true;
  };
  const withinMs = RELOAD_MS + (standby.spec.applyDelayMs ?? 0);
  await until(standby.folder, "it caught up", () => asSuperuser(standby.spec, replayed), withinMs);
}

/** A standby waits on purpose for as long as its file says. */
const delays = (spec: PatroniSpec) => async (client: Client) => {
  const { rows } = await client.query<{ right: boolean }>(
    `select not pg_is_in_recovery() or setting::int = $1 as "right"
     from pg_settings where name = 'recovery_min_apply_delay'`,
    [spec.applyDelayMs ?? 0],
  );
  return rows[0]?.right === true;
};

/** What somebody has set with ALTER SYSTEM goes before all files (manual 20.1.2), and is theirs to take back. */
const BY_HAND = "sourcefile like '%/postgresql.auto.conf'";

/**
 * Patroni wrote the settings where PostgreSQL reads them: the last of those with a name counts. One without a name is a setting
 * that went from the file, such as those of a recovery that is over, and that PostgreSQL keeps until it restarts.
 */
const written = (spec: PatroniSpec) => async (client: Client) => {
  const { rows } = await client.query<Setting>(
    `select name, setting from pg_file_settings where name is not null and not ${BY_HAND} order by seqno`,
  );
  const found = new Map(rows.map(({ name, setting }) => [name.toLowerCase(), setting]));
  return Object.entries(wanted(spec)).every(([name, value]) => found.get(name) === value);
};

/** Patroni does this, too, some time after it wrote. @returns a moment before PostgreSQL read the settings again */
async function reload(client: Client): Promise<string> {
  const { rows } = await client.query<{ since: string }>("select clock_timestamp()::text as since");
  await client.query("select pg_reload_conf()");
  return rows[0]?.since ?? "now";
}

const readSince = (since: string) => async (client: Client) => {
  const { rows } = await client.query<{ read: boolean }>("select pg_conf_load_time() >= $1 as read", [since]);
  return rows[0]?.read === true;
};

/** PostgreSQL runs with those settings that are taken up at a start. */
const inForce = (spec: PatroniSpec) => async (client: Client) => {
  const { rows } = await client.query<Setting>(
    `select name, case when unit = '8kB' then setting::bigint / 128 || 'MB' else setting end as setting
     from pg_settings where name = any ($1)
     and name not in (select lower(name) from pg_file_settings where name is not null and ${BY_HAND})`,
    [AT_START],
  );
  const desired = wanted(spec);
  return rows.every(({ name, setting }) => (desired[name] ?? setting) === setting);
};

interface Setting {
  readonly name: string;
  readonly setting: string;
}

function wanted(spec: PatroniSpec): Record<string, string> {
  return { ...memberParameters(spec), ...clusterSettings(spec).postgresql.parameters };
}
