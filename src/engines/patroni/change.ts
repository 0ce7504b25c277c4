import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { Client } from "pg";
import type { Placed } from "../engine.ts";
import { databasePasswords, SUPERUSER } from "../postgres/passwords.ts";
import { PatroniFailed } from "./problem.ts";
import { patroniAsk } from "./rest.ts";
import { clusterSettings, memberParameters } from "./settings.ts";
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
  await patroniAsk(instance, "PATCH", "/config", clusterSettings(next), ANSWER_MS);
  await patroniAsk(instance, "POST", "/reload", {}, ANSWER_MS);
  await until(instance, "Patroni took up the new settings", () => written(next), RELOAD_MS);
  if (await inForce(next)) return "changed";
  await patroniAsk(instance, "POST", "/restart", {}, RESTART_MS);
  await until(instance, "PostgreSQL restarted with the new settings", () => inForce(next), RESTART_MS);
  return "changed";
}

/** Patroni wrote the settings where PostgreSQL reads them. */
async function written(spec: PatroniSpec): Promise<boolean> {
  const text =
    "select name, setting from pg_file_settings where seqno in (select max(seqno) from pg_file_settings group by name)";
  const found = await settings(spec, text);
  return Object.entries(wanted(spec)).every(([name, value]) => found.get(name) === value);
}

/** PostgreSQL runs with those settings that are taken up at a start. */
async function inForce(spec: PatroniSpec): Promise<boolean> {
  const text = `select name, case when unit = '8kB' then setting::bigint / 128 || 'MB' else setting end as setting
                from pg_settings where name = any ($1)`;
  const found = await settings(spec, text, [AT_START]);
  const desired = wanted(spec);
  return AT_START.every((name) => found.get(name) === desired[name]);
}

function wanted(spec: PatroniSpec): Record<string, string> {
  return { ...memberParameters(spec), ...clusterSettings(spec).postgresql.parameters };
}

async function settings(spec: PatroniSpec, text: string, values: unknown[] = []): Promise<Map<string, string>> {
  const client = new Client({
    host: spec.address,
    port: spec.port,
    database: "postgres",
    user: SUPERUSER,
    password: (await databasePasswords(spec.secrets))[SUPERUSER],
    connectionTimeoutMillis: ANSWER_MS,
    query_timeout: ANSWER_MS,
  });
  client.on("error", () => undefined); // the query in hand fails with the same error
  try {
    await client.connect();
    const { rows } = await client.query<{ name: string; setting: string }>(text, values);
    return new Map(rows.map(({ name, setting }) => [name, setting]));
  } finally {
    await client.end().catch(() => undefined);
  }
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
