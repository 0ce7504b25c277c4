import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Database, DatabaseUnavailable, lazyTransaction, OutcomeUnknown, TransactionLost } from "./index.ts";
import { openTestDatabase, type TestTables, testServer } from "./testing.ts";
import { startTestProxy, type TestProxy, type Verdict } from "./testing-proxy.ts";

const server = testServer();
let proxy: TestProxy;
let database: Database<TestTables>;
let admin: Database<TestTables>;

beforeAll(async () => {
  proxy = await startTestProxy(server.current);
  admin = openTestDatabase(server.current);
  database = openTestDatabase(server.current, { port: proxy.port, connections: 3, holdMs: 3_000 });
  await sql`create table item (id int primary key, name text not null, amount int not null default 0, made timestamptz)`.execute(
    admin.db,
  );
});
beforeEach(async () => {
  proxy.judge = () => "pass";
  await sql`truncate item`.execute(admin.db);
  await admin.db.insertInto("item").values({ id: 0, name: "counter", amount: 0, made: null }).execute();
});
afterAll(async () => {
  await database.close();
  await admin.close();
  await proxy[Symbol.asyncDispose]();
});

const raise = (db: Database<TestTables>["db"]) =>
  db
    .updateTable("item")
    .set((eb) => ({ amount: eb("amount", "+", 1) }))
    .where("id", "=", 0)
    .execute();
const counter = async () =>
  (await admin.db.selectFrom("item").select("amount").where("id", "=", 0).executeTakeFirstOrThrow()).amount;

/** Cuts the next message that `matches` with this verdict. */
function cutOnce(verdict: Verdict, matches: (code: string, names: string) => boolean) {
  proxy.judge = ({ code, names }) => {
    if (!matches(code, names)) return "pass";
    proxy.judge = () => "pass";
    return verdict;
  };
}
const isCommit = (code: string, names: string) =>
  (code === "B" && names === "commit") || (code === "P" && names === "commit");

test.each<Verdict>(["cut-before", "cut-after"])(
  "a connection that breaks at COMMIT (%s) loses and doubles nothing, every time",
  async (verdict) => {
    let runs = 0;
    for (let i = 1; i <= 40; i++) {
      cutOnce(verdict, isCommit);
      await database.db.transaction().execute(async (trx) => {
        runs++;
        await trx.insertInto("item").values({ id: i, name: "x", amount: 0, made: null }).execute();
        await raise(trx);
      });
    }
    expect(await counter()).toBe(40);
    expect((await admin.db.selectFrom("item").select("id").execute()).length).toBe(41);
    expect(runs).toBe(verdict === "cut-before" ? 80 : 40); // what the server committed is not run again
  },
);

test("a connection that breaks before COMMIT: the transaction is run again from its beginning", async () => {
  let runs = 0;
  for (const verdict of ["cut-before", "cut-after"] as const) {
    await raise(database.db); // prepared, so that the cut comes at its Bind
    cutOnce(verdict, (code, names) => code === "B" && names.startsWith("n"));
    await database.db.transaction().execute(async (trx) => {
      runs++;
      await raise(trx);
    });
  }
  expect(runs).toBeGreaterThan(2);
  expect(await counter()).toBe(4);
});

test("a transaction that swallowed the loss of its connection does not claim to have committed", async () => {
  let runs = 0;
  await database.db.transaction().execute(async (trx) => {
    runs++;
    await trx.selectFrom("item").select("id").execute();
    if (runs === 1) cutOnce("cut-before", (code) => code === "B");
    await raise(trx).catch(() => undefined);
  });
  expect(runs).toBe(2);
  expect(await counter()).toBe(1);
});

test("a controlled transaction tells that it was lost", async () => {
  const trx = await database.db.startTransaction().execute();
  await raise(trx);
  cutOnce("cut-before", (code) => code === "B");
  await expect(raise(trx)).rejects.toBeInstanceOf(TransactionLost);
  await expect(trx.commit().execute()).rejects.toBeInstanceOf(TransactionLost);
  await trx.rollback().execute();
  expect(await counter()).toBe(0);
});

test.each<[Verdict, number]>([
  ["cut-before", 0],
  ["cut-after", 1],
])("a write whose answer never came (%s) ends with OutcomeUnknown and is not sent again", async (verdict, applied) => {
  for (let i = 0; i < 12; i++) await raise(database.db);
  const before = await counter();
  cutOnce(verdict, (code, names) => code === "B" && names.startsWith("n"));
  await expect(raise(database.db)).rejects.toBeInstanceOf(OutcomeUnknown);
  await expect.poll(counter).toBe(before + applied);
});

test("reads do not fail when connections break under them", async () => {
  const read = (id: number) =>
    database.db
      .selectFrom("item")
      .select("name")
      .where("id", "=", id % 3)
      .execute();
  let seen = 0;
  proxy.judge = ({ code }) =>
    code === "B" && ++seen % 7 === 0 ? (seen % 2 === 0 ? "cut-before" : "cut-after") : "pass";
  for (let i = 0; i < 60; i++) {
    const rows = await Promise.all([read(i), read(i + 1), read(i + 2)]);
    expect(rows.flat()).toEqual([{ name: "counter" }]);
  }
  expect(database.stats().retries).toBeGreaterThan(0);
});

test("statements wait for a database that is away, and fail after holdMs with a reason", async () => {
  proxy.down();
  await expect.poll(() => database.stats().connections.open).toBe(0);
  setTimeout(() => proxy.up(), 700);
  const held = [raise(database.db), database.db.transaction().execute(raise)];
  await Promise.all(held);
  expect(await counter()).toBe(2);
  proxy.down();
  const began = performance.now();
  const impatient = openTestDatabase(server.current, { port: proxy.port, holdMs: 300 });
  await expect(raise(impatient.db)).rejects.toBeInstanceOf(DatabaseUnavailable);
  await expect(impatient.ping(200)).rejects.toBeInstanceOf(DatabaseUnavailable);
  expect(performance.now() - began).toBeLessThan(1_000);
  await impatient.close();
  await expect.poll(() => database.stats().connections.open).toBe(0);
  proxy.up();
  await raise(database.db);
  expect(await counter()).toBe(3);
});

test("backends that are terminated cost nothing but time", async () => {
  let stop = false;
  let done = 0;
  const traffic = Array.from({ length: 6 }, async (_, i) => {
    while (!stop) {
      if (i % 2 === 0)
        await database.db
          .transaction()
          .execute(raise)
          .then(() => done++);
      else await database.db.selectFrom("item").select("id").execute();
    }
  });
  for (let i = 0; i < 15; i++) {
    await sql`select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'ninefold' and pid <> pg_backend_pid() and client_port is not null
      and backend_start > ${new Date(0)} order by random() limit 1`
      .execute(admin.db)
      .catch(() => undefined);
  }
  stop = true;
  await Promise.all(traffic);
  expect(await counter()).toBe(done);
});

test("a lazy transaction begins with its first statement, behind its prologue, and nests", async () => {
  const lazy = lazyTransaction(database, {
    prologue: admin.db.updateTable("item").set({ name: "seen" }).where("id", "=", 0).compile(),
  });
  expect(lazy.begun).toBe(false);
  await lazy.commit();
  expect(await admin.db.selectFrom("item").select("name").execute()).toEqual([{ name: "counter" }]);

  const used = lazyTransaction(database, {
    prologue: admin.db.updateTable("item").set({ name: "seen" }).where("id", "=", 0).compile(),
  });
  await raise(used.db);
  expect(used.begun).toBe(true);
  await expect(
    used.db.transaction().execute(async (trx) => {
      await raise(trx);
      throw new Error("inner");
    }),
  ).rejects.toThrow("inner");
  await Promise.all([used.db.transaction().execute(raise), raise(used.db), used.db.transaction().execute(raise)]);
  expect(await counter()).toBe(0);
  await used.commit();
  expect(await counter()).toBe(4);
  expect(await admin.db.selectFrom("item").select("name").execute()).toEqual([{ name: "seen" }]);
  await expect(raise(used.db)).rejects.toBeInstanceOf(TransactionLost);

  const refused = lazyTransaction(database, {
    prologue: admin.db.selectFrom("item").select("id").where("id", "=", 99).compile(),
    onPrologue: (rows) => {
      if (rows.length === 0) throw new Error("not ours");
    },
  });
  await expect(raise(refused.db)).rejects.toThrow("not ours");
  await expect(refused.commit()).rejects.toThrow("not ours");
  const failing = lazyTransaction(database, { prologue: sql`select 1/0`.compile(admin.db) });
  await expect(raise(failing.db)).rejects.toThrow("division");
  await failing.rollback();
  expect(await counter()).toBe(4);
  expect(database.stats().connections.busy).toBe(0);
});
