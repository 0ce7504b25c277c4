import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  type Database,
  MigrationBroken,
  MigrationFailed,
  MigrationLate,
  MigrationOutOfOrder,
  MigrationsUnknown,
  migrate,
  pendingMigrations,
} from "./index.ts";
import { endpointsTo, openTestDatabase, testServer } from "./testing.ts";

const server = testServer();
let folder: string;
let endpoints: ReturnType<typeof endpointsTo>;
let database: Database<Record<string, Record<string, unknown>>>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ninefold-migrations-"));
  const made = await server.current.createDatabase();
  endpoints = endpointsTo({ ...server.current, database: made.database });
  database = openTestDatabase(server.current, { endpoints });
});
afterEach(async () => {
  await database.close();
  await rm(folder, { recursive: true });
});

const write = (name: string, body: string, more = "") =>
  writeFile(
    join(folder, name),
    `import { sql } from ${JSON.stringify(import.meta.resolve("kysely"))};\nexport async function up(db) { ${body} }\n${more}`,
  );
const run = (withinMs = 10_000) => migrate({ folder, endpoints, credentials: server.current.superuser, withinMs });
const tables = async () => (await database.db.introspection.getTables()).map(({ name }) => name).sort();

test("migrations run in the order of their names, each once", async () => {
  await write("0002_second.ts", "await sql`alter table thing add column b int`.execute(db)");
  await write("0001_first.js", "await db.schema.createTable('thing').addColumn('a', 'integer').execute()");
  await writeFile(join(folder, "0001_first.d.ts"), "export {};");
  expect(await pendingMigrations({ folder, db: database.db })).toEqual({
    pending: ["0001_first", "0002_second"],
    unknown: [],
  });
  expect(await run()).toEqual({ applied: ["0001_first", "0002_second"] });
  expect(await run()).toEqual({ applied: [] });
  expect(await pendingMigrations({ folder, db: database.db })).toEqual({ pending: [], unknown: [] });
  expect(await tables()).toEqual(["thing"]);
});

test("a failing migration is rolled back and named, and those before it stay", async () => {
  await write("1_good.ts", "await sql`create table good (a int)`.execute(db)");
  await write("2_bad.ts", "await sql`create table half (a int)`.execute(db); await sql`select nonsense`.execute(db)");
  await write("3_never.ts", "await sql`create table never (a int)`.execute(db)");
  const error = await run().catch((caught) => caught);
  expect(error).toBeInstanceOf(MigrationFailed);
  expect(error).toMatchObject({ migration: "2_bad", at: "migrations/2_bad", code: "migration-failed" });
  expect(error.message).toContain('column "nonsense" does not exist (42703)');
  expect(await tables()).toEqual(["good"]);
  await write("2_bad.ts", "await sql`create table whole (a int)`.execute(db)");
  expect((await pendingMigrations({ folder, db: database.db })).pending).toEqual(["2_bad", "3_never"]);
});

test("what cannot run in a transaction runs without one when it says so", async () => {
  await write("1_table.ts", "await sql`create table big (a int)`.execute(db)");
  await write(
    "2_index.ts",
    "await sql`create index concurrently big_a on big (a)`.execute(db)",
    "export const transaction = false;",
  );
  expect((await run()).applied).toHaveLength(2);
});

test("runs at the same time take turns", async () => {
  await write(
    "1_once.ts",
    "await sql`create table once (a int)`.execute(db); await sql`select pg_sleep(0.3)`.execute(db)",
  );
  const runs = await Promise.all([run(), run(), run()]);
  expect(runs.flatMap(({ applied }) => applied)).toEqual(["1_once"]);
});

test("a migration never holds up the service behind a lock it waits for, and comes through when the way is free", async () => {
  const { db } = database;
  await sql`create table busy (a int); insert into busy values (1)`.execute(db);
  await write("1_busy.ts", "await sql`alter table busy add column b int`.execute(db)");
  const blocker = await db.startTransaction().execute();
  await sql`select * from busy`.execute(blocker);
  const migrated = run();
  let slowest = 0;
  for (const end = performance.now() + 1_500; performance.now() < end; ) {
    const began = performance.now();
    await sql`update busy set a = a + 1`.execute(db);
    slowest = Math.max(slowest, performance.now() - began);
  }
  await blocker.commit().execute();
  expect((await migrated).applied).toEqual(["1_busy"]);
  expect(slowest).toBeLessThan(1_000);
});

test("a way that never gets free ends with an error, and nothing was changed", async () => {
  const { db } = database;
  await sql`create table busy (a int)`.execute(db);
  await write("1_busy.ts", "await sql`alter table busy add column b int`.execute(db)");
  const blocker = await db.startTransaction().execute();
  await sql`select * from busy`.execute(blocker);
  await expect(run(1_200)).rejects.toBeInstanceOf(MigrationLate);
  await blocker.rollback().execute();
  expect((await pendingMigrations({ folder, db })).pending).toEqual(["1_busy"]);
});

test("a database of newer code is told, and so are migrations that come too late", async () => {
  await write("2_new.ts", "await sql`create table two (a int)`.execute(db)");
  await run();
  await write("1_old.ts", "await sql`create table one (a int)`.execute(db)");
  await expect(run()).rejects.toBeInstanceOf(MigrationOutOfOrder);
  await rm(join(folder, "1_old.ts"));
  await rm(join(folder, "2_new.ts"));
  await expect(run()).rejects.toBeInstanceOf(MigrationsUnknown);
  expect(await pendingMigrations({ folder, db: database.db })).toEqual({ pending: [], unknown: ["2_new"] });
});

test("files that are no migrations are named", async () => {
  await writeFile(join(folder, "1_empty.ts"), "export const down = 1;");
  await expect(run()).rejects.toThrow("migrations/1_empty.ts: it exports no function `up`");
  await writeFile(join(folder, "1_empty.ts"), "export const = ;");
  await expect(run()).rejects.toBeInstanceOf(MigrationBroken);
  await expect(
    migrate({ folder: join(folder, "none"), endpoints, credentials: server.current.superuser }),
  ).rejects.toThrow("the folder cannot be read");
});
