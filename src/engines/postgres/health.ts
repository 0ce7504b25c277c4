import { open } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "pg";
import type { Health, Placed } from "../engine.ts";
import { databasePasswords, SUPERUSER } from "./passwords.ts";
import { isDiskFull } from "./problem.ts";
import type { PostgresSpec } from "./spec.ts";

const ANSWER_MS = 5_000;

const QUESTION = `
  select current_setting('server_version') as version,
         (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as connections,
         extract(epoch from now() - pg_postmaster_start_time())::int as "uptimeSeconds",
         (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end)::text as position`;

/** Signs in and asks. Says apart whether the server is starting up, refuses, or is not there. */
export async function postgresHealth({ spec, folder, sockets }: Placed<PostgresSpec>): Promise<Health> {
  const passwords = await databasePasswords(spec.secrets);
  const client = new Client({
    host: sockets,
    port: spec.port,
    database: "postgres",
    user: SUPERUSER,
    password: passwords[SUPERUSER],
    connectionTimeoutMillis: ANSWER_MS,
    query_timeout: ANSWER_MS,
  });
  client.on("error", () => undefined); // the query in hand fails with the same error
  try {
    await client.connect();
    const { rows } = await client.query<Record<string, string | number>>(QUESTION);
    return { healthy: true, details: rows[0] ?? {} };
  } catch (cause) {
    return { healthy: false, says: await explain(cause as Error & { code?: string }, folder) };
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function explain(cause: Error & { code?: string }, folder: string): Promise<string> {
  if (isDiskFull(cause)) return "the disk is full; free some space";
  switch (cause.code) {
    case "57P03": // cannot_connect_now: recovery after a crash, or a shutdown under way
      return cause.message.includes("shutting down") ? "shutting down" : "starting up";
    case "ENOENT":
    case "ECONNREFUSED":
      return `not running${await lastFatal(folder)}`;
    case "28P01":
      return "running, but it refuses the superuser's password of this deployment";
    default:
      return `does not answer: ${cause.message}`;
  }
}

/** PostgreSQL's own last word on why it does not run, from its log. */
async function lastFatal(folder: string): Promise<string> {
  const tail = await readTail(join(folder, "log"), 4096).catch(() => "");
  const lines = tail.split("\n");
  const fatal = lines.findLastIndex((line) => line.includes("FATAL:") || line.includes("PANIC:"));
  const started = lines.findLastIndex((line) => line.includes("starting PostgreSQL"));
  const line = lines[fatal];
  if (line === undefined || fatal < started) return "";
  if (isDiskFull(line)) return ": the disk is full; free some space";
  return `: ${line.slice(line.search(/FATAL:|PANIC:/))}`;
}

async function readTail(path: string, bytes: number): Promise<string> {
  await using file = await open(path, "r");
  const { size } = await file.stat();
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, Math.max(0, size - bytes));
  return buffer.subarray(0, bytesRead).toString("utf8");
}
