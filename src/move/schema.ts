import { spawn } from "node:child_process";
import { once } from "node:events";
import type { ClientBase } from "pg";
import { FENCE_STATEMENTS, OUTCOME_STATEMENTS, SUPERUSER } from "../engines/postgres/index.ts";
import { isDiskFull } from "../engines/postgres/problem.ts";
import { fenceSql } from "./fence.ts";
import type { Move, StepContext } from "./move.ts";
import { giveBack, hasNotes, notesStatements } from "./notes.ts";
import { MoveFailed } from "./problem.ts";
import { takeRights } from "./rights.ts";
import { diskFull, keepRoom } from "./room.ts";
import type { OpenSide } from "./side.ts";
import { untilLocked } from "./wait.ts";

/** What comes before `-- Name: ...` of each part of a dump. */
const PART = /^--\n-- Name: (?<name>.*); Type: (?<type>[^;\n]*); Schema: .*; Owner: .*\n--\n/m;

/**
 * Makes the source's schema at the target, with owners and rights, primary keys included, other indexes and constraints later
 * ({@link finishSchema}); the target is closed to everybody but superusers until {@link open}. All or nothing.
 * @throws MoveFailed `move-schema` when the target refuses a statement, such as for a missing extension
 */
export async function copySchema(move: Move, { signal, progress }: StepContext): Promise<void> {
  const { source, target, schema } = move;
  if (await hasNotes(target, schema)) return;
  progress({ says: `make the schema of ${source.name} at ${target.name}` });
  const before = await understood(await dump(move, "pre-data", signal), target);
  const parts = split(await dump(move, "post-data", signal)).filter((part) => !part.name.startsWith(schema));
  const identities = await source.query<{ statement: string }>(
    `select statement from ${schema}.undo where kind = 'identity' order by n`,
  );
  await target.apart(async (client) => {
    await client.query("begin");
    // Both sides were prepared with the schema `ninefold`; the source's holds more.
    await client.query("drop schema if exists ninefold cascade");
    try {
      await client.query(before);
      for (const part of parts.filter((part) => !part.later)) await client.query(part.sql);
    } catch (cause) {
      throw schemaFailed(target, cause);
    }
    await client.query("set search_path = pg_catalog");
    for (const statement of [...FENCE_STATEMENTS, ...OUTCOME_STATEMENTS]) await client.query(statement);
    await client.query(notesStatements(schema));
    for (const { name, type, sql } of parts.filter((part) => part.later)) {
      await client.query(`insert into ${schema}.later (what, statement) values ($1, $2)`, [`${type} ${name}`, sql]);
    }
    for (const { statement } of identities) {
      await client.query(`insert into ${schema}.undo (kind, statement) values ('identity', $1)`, [statement]);
    }
    await client.query(`${fenceSql(schema, "writes")}; ${fenceSql(schema, "all")}`);
    await client.query("commit");
  }, signal);
}

/** The service has the first right to processors and disk; the target's settings say how many processes a copy may keep busy at a time. */
const GENTLY = `set idle_in_transaction_session_timeout = 0; set vacuum_cost_delay = '2ms'; set vacuum_cost_limit = 1000;
  select set_config('max_parallel_maintenance_workers',
    least(2, current_setting('max_sync_workers_per_subscription')::int - 1)::text, false)`;

/**
 * How long to try again to make a part, in milliseconds. A foreign key locks two tables, and so does a transaction that arrives, in
 * another order: one of the two is broken off.
 */
const LOCKED_MS = 10 * 60_000;

/**
 * Makes what {@link copySchema} left for later: indexes, foreign keys and other constraints, triggers, policies, then fills materialized
 * views and gives the planner its statistics. Each part once, whatever cuts it short. Changes go on arriving in between.
 * @throws MoveFailed `move-disk-full`, `move-schema`
 */
export async function finishSchema({ target, source, schema }: Move, context: StepContext): Promise<void> {
  const { signal, progress } = context;
  const parts = await target.query<{ n: number; what: string; statement: string }>(
    `select n, what, statement from ${schema}.later order by n`,
  );
  const began = performance.now();
  const tell = (says: string, at: number, of: number) => {
    const done = at / of;
    const spentMs = performance.now() - began;
    progress({ says, done, ...(done > 0 ? { remainingMs: (spentMs / done) * (1 - done) } : {}) });
  };
  await target.inBackground(async (client) => {
    await client.query(GENTLY);
    for (const [at, { n, what, statement }] of parts.entries()) {
      signal.throwIfAborted();
      await keepRoom(target, context);
      tell(`make ${what}`, at, parts.length);
      const make = () => makePart(client, statement, `delete from ${schema}.later where n = ${n} returning n`);
      await untilLocked(make, {
        withinMs: LOCKED_MS,
        signal,
        at: target.name,
        what: `make ${what}`,
        blocker: async () => "the changes that arrive are in the way again and again",
      }).catch((cause: unknown) => {
        signal.throwIfAborted();
        throw cause instanceof MoveFailed ? cause : schemaFailed(target, cause);
      });
    }
    const filled = await source.query<{ name: string }>(
      "select format('%I.%I', schemaname, matviewname) as name from pg_matviews where ispopulated",
    );
    const { rows: empty } = await client.query<{ name: string }>(
      `select format('%I.%I', schemaname, matviewname) as name from pg_matviews where not ispopulated
         and format('%I.%I', schemaname, matviewname) = any($1)
       order by format('%I.%I', schemaname, matviewname)::regclass::oid`,
      [filled.map((view) => view.name)],
    );
    if (empty.length > 0) {
      // A view is filled as its owner, who may not read here yet; nobody else sees the rights of this transaction.
      await client.query(`begin; ${giveBack(schema, ["reads"])}`);
      for (const { name } of empty) await client.query(`refresh materialized view ${name}`);
      await client.query(`${takeRights(schema, "reads")}; commit`);
    }
    progress({ says: "gather statistics for the planner" });
    await client.query("vacuum (analyze, skip_locked)");
  }, signal);
}

/**
 * Makes a part and strikes it off, or neither. Struck off first: that waits for a server that is still at work on the same part for
 * somebody who was killed, and shows whether it made it.
 */
async function makePart(client: ClientBase, statement: string, strikeOff: string): Promise<void> {
  try {
    await client.query("begin; set local search_path = ''");
    const struck = await client.query(strikeOff);
    if (struck.rowCount === 1) await client.query(statement);
    await client.query("commit");
  } catch (cause) {
    await client.query("rollback").catch(() => undefined); // the connection may be what failed
    throw cause;
  }
}

interface Part {
  readonly name: string;
  readonly type: string;
  readonly sql: string;
  readonly later: boolean;
}

/** The dump's parts. Primary keys come with the tables, since the stream finds rows by them; so do indexes that stand in for one. */
function split(text: string): Part[] {
  const parts: Part[] = [];
  for (let rest = text, match = PART.exec(rest); match !== null; ) {
    rest = rest.slice(match.index + match[0].length);
    const next = PART.exec(rest);
    const sql = rest.slice(0, next?.index).trim();
    const { name = "", type = "" } = match.groups ?? {};
    const key = (type === "CONSTRAINT" && /\bPRIMARY KEY\b/.test(sql)) || /REPLICA IDENTITY USING INDEX/.test(sql);
    parts.push({ name, type, sql, later: !key });
    match = next;
  }
  return parts;
}

/** The dump without the settings in its head that an older target does not have, such as `transaction_timeout` before version 17. */
async function understood(text: string, target: OpenSide): Promise<string> {
  const settings = await target.query<{ name: string }>("select name from pg_settings");
  const known = new Set(settings.map(({ name }) => name));
  const end = PART.exec(text)?.index ?? text.length;
  const head = text.slice(0, end).replace(/^SET (\w+) = .*$/gm, (line, name) => (known.has(name) ? line : ""));
  return `${head}${text.slice(end)}`;
}

/**
 * Options of pg_dump for what belongs to a database in its place and to none that is made of it: how it is replicated, moved and failed
 * over. `prepareRoles` makes those tables anew.
 */
export const NOT_COPIED = [
  "--no-publications",
  "--no-subscriptions",
  "--no-tablespaces",
  "--exclude-schema=ninefold_move_*",
  "--exclude-table=ninefold.fence",
  "--exclude-table=ninefold.outcomes*",
] as const;

/** The schema as SQL. The password goes by environment, which other users cannot read. */
async function dump({ pgDump, source }: Move, section: string, signal: AbortSignal): Promise<string> {
  const { host = "localhost", port = 5432 } = source.server;
  const options = [
    "--schema-only",
    `--section=${section}`,
    ...NOT_COPIED,
    "--lock-wait-timeout=10000",
    "--no-password",
    `--host=${host}`,
    `--port=${port}`,
    `--username=${SUPERUSER}`,
    `--dbname=${source.database}`,
  ];
  const env = { PATH: process.env.PATH, PGPASSWORD: source.passwords[SUPERUSER], PGCONNECT_TIMEOUT: "10", LC_ALL: "C" };
  const child = spawn(pgDump, options, { env, stdio: ["ignore", "pipe", "pipe"], signal });
  let [text, said] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    said = `${said}${chunk}`.slice(-2_000);
  });
  const [code] = await once(child, "close").catch((cause: unknown) => {
    signal.throwIfAborted();
    throw schemaFailed(source, cause);
  });
  if (code !== 0) throw schemaFailed(source, new Error(`pg_dump ended with code ${code}: ${said.trim()}`));
  // `\restrict` is for psql; the text comes from our own database and is read by no psql (CVE-2025-8714).
  return text.replace(/^\\(un)?restrict \w+$/gm, "");
}

function schemaFailed(side: OpenSide, cause: unknown): MoveFailed {
  if (isDiskFull(cause)) return diskFull(side, (cause as Error).message, cause);
  const says = `the schema could not be copied: ${(cause as Error).message}`;
  return new MoveFailed("move-schema", { at: side.name, says, fix: "remove the cause, then try again" }, { cause });
}
