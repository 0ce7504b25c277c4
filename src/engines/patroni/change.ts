import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { Client } from "pg";
import type { Placed } from "../engine.ts";
import { PatroniFailed } from "./problem.ts";
import { patroniAsk } from "./rest.ts";
import { clusterSettings, memberParameters } from "./settings.ts";
import { asSuperuser } from "./sign-in.ts";
import type { PatroniSpec } from "./spec.ts";

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
];

/**
 * Makes a running member take up the settings of `next`, whose files must be written by now. PostgreSQL is restarted, by
 * Patroni, only where a setting that differs needs it. Safe to run again, whatever cut a first try short.
 * @returns `restart` where `next` has other addresses, ports or binaries, which need a stop and a start of Patroni itself
 * @throws PatroniFailed
 */
export async function changeSettings(instance: Placed<PatroniSpec>, next: PatroniSpec): Promise<"changed" | "restart"> {
  const place = ({ maxConnections: _, memoryMb: __, ...rest }: PatroniSpec) => rest;
  if (!isDeepStrictEqual(place(instance.spec), place(next))) return "restart";
  await patroniAsk(next, "PATCH", "/config", clusterSettings(next), ANSWER_MS);
  await patroniAsk(next, "POST", "/reload", {}, ANSWER_MS);
  await until(instance, "Patroni wrote the new settings", () => asSuperuser(next, written(next)), RELOAD_MS);
  const since = await asSuperuser(next, reload);
  await until(instance, "PostgreSQL read the new settings", () => asSuperuser(next, readSince(since)), RELOAD_MS);
  if (await asSuperuser(next, inForce(next))) return "changed";
  await patroniAsk(next, "POST", "/restart", {}, RESTART_MS);
  await until(
    instance,
    "PostgreSQL restarted with the new settings",
    () => asSuperuser(next, inForce(next)),
    RESTART_MS,
  );
  return "changed";
}

/**
 * Patroni wrote the settings where PostgreSQL reads them: the last of those with a name counts. One without a name is a setting
 * that went from the file, such as those of a recovery that is over, and that PostgreSQL keeps until it restarts.
 */
const written = (spec: PatroniSpec) => async (client: Client) => {
  const { rows } = await client.query<Setting>(
    "select name, setting from pg_file_settings where name is not null order by seqno",
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
     from pg_settings where name = any ($1)`,
    [AT_START],
  );
  const desired = wanted(spec);
  return rows.length === AT_START.length && rows.every(({ name, setting }) => desired[name] === setting);
};

interface Setting {
  readonly name: string;
  readonly setting: string;
}

function wanted(spec: PatroniSpec): Record<string, string> {
  return { ...memberParameters(spec), ...clusterSettings(spec).postgresql.parameters };
}

/** Waits for a condition; while PostgreSQL restarts, asking fails. */
async function until(
  { folder }: Placed<PatroniSpec>,
  what: string,
  holds: () => Promise<boolean>,
  withinMs: number,
): Promise<void> {
  let last: unknown;
  for (const deadline = Date.now() + withinMs; Date.now() < deadline; await delay(100)) {
    try {
      if (await holds()) return;
    } catch (cause) {
      last = cause;
    }
  }
  throw new PatroniFailed(folder, `waited ${withinMs} ms in vain until ${what}`, { cause: last });
}
