import { setTimeout as delay } from "node:timers/promises";
import { type Kysely, sql } from "kysely";
import type { Logger } from "pino";
import { type DatabaseOptions, openDatabase } from "./database.ts";
import { MigrationFailed, MigrationLate, MigrationOutOfOrder, MigrationsUnknown } from "./migration-errors.ts";
import { loadMigrations, type MigrationFile, migrationNames } from "./migration-files.ts";
import { codeOf } from "./wire/problem.ts";

export interface MigrateOptions extends Pick<DatabaseOptions, "endpoints" | "credentials" | "cluster"> {
  /** Absolute path of the folder of migrations. */
  readonly folder: string;
  /** Longest time to wait for locks that are in the way, and for another run, in milliseconds; default 60,000. */
  readonly withinMs?: number;
  readonly log?: Logger;
}

/** Recorded where Kysely's own Migrator looks, so that its tools see the same. */
interface Recorded {
  kysely_migration: { name: string; timestamp: string };
}

/**
 * A lock that is waited for holds up everybody who asks for the table after it, so a migration waits only this long, gives
 * way, and tries again.
 */
const LOCK_TIMEOUT_MS = 500;
const RUN_LOCK = 5_287_409_311;
const IN_THE_WAY = new Set(["55P03", "40P01"]);
const PAUSE_MS = { first: 50, longest: 2_000 };

/**
 * Runs the migrations of a folder that have not run yet, in the order of their names, while the service serves. Each runs
 * in a transaction of its own and is recorded in it. Several runs at a time take turns.
 * @returns the names of those that ran
 * @throws MigrationFailed, MigrationLate, MigrationBroken, MigrationsUnknown, MigrationOutOfOrder
 */
export async function migrate(options: MigrateOptions): Promise<{ applied: string[] }> {
  const { folder, withinMs = 60_000, log } = options;
  const files = await loadMigrations(folder);
  const database = openDatabase<Recorded>({
    ...options,
    connections: 1,
    parseRaw: false,
    holdMs: Math.min(withinMs, 60_000),
    applicationName: "ninefold migrate",
    statementTimeoutMs: 0,
    idleTransactionMs: 0,
    lockTimeoutMs: LOCK_TIMEOUT_MS,
  });
  const until = performance.now() + withinMs;
  try {
    return await database.db.connection().execute(async (db) => {
      await takeTurn(db, until);
      const applied: string[] = [];
      for (const file of await pendingFiles(db, files)) {
        const began = performance.now();
        await runOne(db, file, until);
        log?.info({ migration: file.name, ms: Math.round(performance.now() - began) }, "migrated");
        applied.push(file.name);
      }
      return { applied };
    });
  } finally {
    await database.close();
  }
}

/** What stands between the code's migrations and the database's, without changing anything. */
export interface MigrationState {
  /** Known to the code and not to the database. */
  readonly pending: readonly string[];
  /** Known to the database and not to the code. */
  readonly unknown: readonly string[];
}

/** Compares a folder of migrations with what the database has had. Needs no right but to read the record. */
export async function pendingMigrations<DB>(options: { folder: string; db: Kysely<DB> }): Promise<MigrationState> {
  const names = await migrationNames(options.folder);
  const done = await recorded(options.db as unknown as Kysely<Recorded>);
  return {
    pending: names.filter((name) => !done.includes(name)),
    unknown: done.filter((name) => !names.includes(name)),
  };
}

async function pendingFiles(db: Kysely<Recorded>, files: readonly MigrationFile[]): Promise<MigrationFile[]> {
  const done = await recorded(db);
  const unknown = done.filter((name) => !files.some((file) => file.name === name));
  if (unknown.length > 0) throw new MigrationsUnknown(unknown);
  const pending = files.filter(({ name }) => !done.includes(name));
  const last = done.at(-1) ?? "";
  const early = pending.find(({ name }) => name < last);
  if (early !== undefined) throw new MigrationOutOfOrder(early.name, last);
  if (pending.length > 0) {
    await sql`create table if not exists kysely_migration (
      name varchar(255) primary key, timestamp varchar(255) not null)`.execute(db);
  }
  return pending;
}

async function recorded(db: Kysely<Recorded>): Promise<string[]> {
  const { rows } = await sql<{ there: boolean }>`select to_regclass('kysely_migration') is not null as there`.execute(
    db,
  );
  if (rows[0]?.there !== true) return [];
  const done = await db.selectFrom("kysely_migration").select("name").execute();
  return done.map(({ name }) => name).sort();
}

async function runOne(db: Kysely<Recorded>, file: MigrationFile, until: number): Promise<void> {
  for (let pause = PAUSE_MS.first; ; pause = Math.min(pause * 2, PAUSE_MS.longest)) {
    try {
      if (file.transaction) await db.transaction().execute((trx) => apply(trx, file));
      else await apply(db, file);
      return;
    } catch (error) {
      if (!IN_THE_WAY.has(codeOf(error) ?? "")) throw new MigrationFailed(file.name, error, file.transaction);
      if (performance.now() + pause > until) {
        throw new MigrationLate(file.name, "other transactions held the locks it needs all the time", { cause: error });
      }
    }
    await delay(pause * (0.5 + Math.random() / 2));
  }
}

async function apply(db: Kysely<Recorded>, { name, up }: MigrationFile): Promise<void> {
  await up(db);
  await db.insertInto("kysely_migration").values({ name, timestamp: new Date().toISOString() }).execute();
}

/** Held by the connection until it is closed; asked for again and again, because waiting for it would time out. */
async function takeTurn(db: Kysely<Recorded>, until: number): Promise<void> {
  for (;;) {
    const { rows } = await sql<{ mine: boolean }>`select pg_try_advisory_lock(${RUN_LOCK}::bigint) as mine`.execute(db);
    if (rows[0]?.mine === true) return;
    if (performance.now() > until) throw new MigrationLate("", "another run of the migrations did not end");
    await delay(PAUSE_MS.first);
  }
}
