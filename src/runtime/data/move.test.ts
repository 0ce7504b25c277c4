import { setTimeout as delay } from "node:timers/promises";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { TestPostgres } from "../../engines/postgres/testing.ts";
import { runWithSession, Session } from "../session/index.ts";
import { type Database, DatabaseUnavailable, lazyTransaction, TransactionLost } from "./index.ts";
import { endpointsTo, openTestDatabase } from "./testing.ts";
import { type Mover, type MoveServers, startMoveServers } from "./testing-fence.ts";
import { startTestProxy } from "./testing-proxy.ts";

interface Tables {
  entry: { id: number; who: string; n: number };
  counter: { who: string; n: number };
}

let servers: MoveServers;
let source: TestPostgres;
let target: TestPostgres;
let from: Mover;
let to: Mover;
const opened: Database<Tables>[] = [];

/** Connections come and go with pauses. */
const LATER = { timeout: 10_000 };

beforeAll(async () => {
  servers = await startMoveServers();
  ({ source, target, from, to } = servers);
  for (const mover of [from, to]) {
    await mover.run(`set role ninefold_owner;
      create table entry (id int primary key, who text not null, n int not null);
      create table counter (who text primary key, n int not null); reset role`);
  }
}, 60_000);
beforeEach(async () => {
  for (const mover of [from, to]) {
    await mover.run("truncate entry, counter");
    await mover.unfence();
  }
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((database) => database.close(500)));
});
afterAll(async () => {
  await servers[Symbol.asyncDispose]();
});

const open = (options: { connections?: number; holdMs?: number } = {}) => {
  const database = openTestDatabase<Tables>(source, { credentials: source.service, ...options });
  opened.push(database);
  return database;
};
const moved = () => ({ ...endpointsTo(target), epoch: 2 });
const copy = () => from.copyTo(to);
const entry = (id: number, who = "x") => ({ id, who, n: 0 });
const raise = async (db: Database<Tables>["db"], who: string) =>
  db.transaction().execute(async (trx) => {
    const { n } = await trx
      .selectFrom("counter")
      .select("n")
      .where("who", "=", who)
      .forUpdate()
      .executeTakeFirstOrThrow();
    await trx
      .updateTable("counter")
      .set({ n: n + 1 })
      .where("who", "=", who)
      .execute();
  });

test.each([4, 1])(
  "a move under writers (%i connections) is a pause: no error, nothing lost, nothing twice, no read of the past",
  async (connections) => {
    const writers = Array.from({ length: 12 }, (_, i) => `w${i}`);
    const database = open({ connections });
    const { db } = database;
    await db
      .insertInto("counter")
      .values(writers.map((who) => ({ who, n: 0 })))
      .execute();
    const ledger = new Map<string, { entries: number[]; raised: number }>();
    const errors: unknown[] = [];
    const stale: string[] = [];
    let id = 0;
    let longest = 0;
    let running = true;
    const write = async (who: string) => {
      const mine = { entries: [] as number[], raised: 0 };
      ledger.set(who, mine);
      while (running) {
        const began = performance.now();
        try {
          const next = ++id;
          await db.insertInto("entry").values(entry(next, who)).execute();
          mine.entries.push(next);
          await raise(db, who);
          mine.raised++;
          const [seen] = await db.selectFrom("counter").select("n").where("who", "=", who).execute();
          if (seen?.n !== mine.raised) stale.push(`${who} saw ${seen?.n} of ${mine.raised}`);
        } catch (error) {
          errors.push(error);
        }
        longest = Math.max(longest, performance.now() - began);
        await delay(1);
      }
    };
    const traffic = Promise.all(writers.map(write));
    const told = () => [...ledger.values()].flatMap((mine) => mine.entries);
    await expect.poll(() => told().length, { timeout: 10_000 }).toBeGreaterThan(50);
    await from.fence();
    const [atFence] = await from.rows<{ n: number }>("select count(*)::int as n from entry");
    await copy();
    await delay(200); // a slow control plane
    await from.fenceReads();
    database.setEndpoints(moved());
    const before = told().length;
    await expect.poll(() => told().length, { timeout: 10_000 }).toBeGreaterThan(before + 50);
    running = false;
    await traffic;

    expect(errors).toEqual([]);
    expect(stale).toEqual([]);
    const entries = (await to.rows<{ id: number }>("select id from entry")).map((row) => row.id);
    expect(entries.toSorted()).toEqual(told().toSorted());
    expect(await from.rows("select count(*)::int as n from entry")).toEqual([atFence]);
    for (const { who, n } of await to.rows<{ who: string; n: number }>("select who, n from counter"))
      expect(n).toBe(ledger.get(who)?.raised);
    expect(longest).toBeLessThan(4_000);
    await expect.poll(() => database.epochInUse(), LATER).toBe(2);
  },
);

test("a fence that is taken away again lets everything go on where it was", async () => {
  const { db } = open();
  await db.insertInto("counter").values({ who: "a", n: 0 }).execute();
  await from.fence();
  await from.fenceReads();
  const work = [
    db.insertInto("entry").values(entry(1)).execute(),
    raise(db, "a"),
    db.selectFrom("counter").select("n").execute(),
  ];
  await delay(250);
  await from.unfence();
  await Promise.all(work);
  expect(await from.rows("select n from counter")).toEqual([{ n: 1 }]);
  expect(await from.rows("select id from entry")).toEqual([{ id: 1 }]);
});

test("while only writing is fenced, reads go on", async () => {
  const { db } = open();
  await from.fence();
  let written = false;
  const write = db
    .insertInto("entry")
    .values(entry(1))
    .execute()
    .then(() => {
      written = true;
    });
  await delay(50);
  for (let i = 0; i < 50; i++) await db.selectFrom("entry").selectAll().where("id", "=", i).execute();
  expect(written).toBe(false);
  await from.unfence();
  await write;
});

test("a right that is really missing is the error it always was, and no right is asked for twice", async () => {
  const { db } = open();
  await from.run("create table secret (id int)");
  let runs = 0;
  await expect(sql`select * from secret`.execute(db)).rejects.toMatchObject({ code: "42501" });
  const inTransaction = db.transaction().execute(async (trx) => {
    runs++;
    await sql`select 1`.execute(trx);
    await sql`select * from secret`.execute(trx);
  });
  await expect(inTransaction).rejects.toMatchObject({ code: "42501" });
  expect(runs).toBe(2);
  await from.run("drop table secret");
});

test("when no end of the move comes, requests are told to come back, after `holdMs` and not before", async () => {
  const { db } = open({ holdMs: 400 });
  await from.fence();
  for (const work of [
    () => db.insertInto("entry").values(entry(1)).execute(),
    () => db.transaction().execute((trx) => trx.insertInto("entry").values(entry(1)).execute()),
  ]) {
    const began = performance.now();
    const error = await work().catch((error: unknown) => error);
    expect(error).toBeInstanceOf(DatabaseUnavailable);
    expect(error).toMatchObject({ statusCode: 503, headers: { "retry-after": "1" } });
    expect(performance.now() - began).toBeGreaterThan(380);
    expect(performance.now() - began).toBeLessThan(1_000);
  }
});

test("a transaction controlled by hand waits with its first statement, and is told when it was caught in the middle", async () => {
  const database = open();
  await from.run("insert into counter values ('a', 1)");
  const begun = lazyTransaction(database);
  await begun.db.selectFrom("counter").selectAll().execute();
  await from.fence();
  const caught = await begun.db
    .insertInto("entry")
    .values(entry(1))
    .execute()
    .catch((error: unknown) => error);
  expect(caught).toBeInstanceOf(TransactionLost);
  expect(caught).toMatchObject({ statusCode: 503 });
  await begun.rollback();

  const waits = lazyTransaction(database, { prologue: sql`insert into counter values ('b', 1)`.compile(database.db) });
  const first = waits.db.insertInto("entry").values(entry(2)).execute();
  await copy();
  await from.fenceReads();
  database.setEndpoints(moved());
  await first;
  await waits.commit();
  expect(await to.rows("select who from counter order by who")).toEqual([{ who: "a" }, { who: "b" }]);
  expect(await to.rows("select id from entry")).toEqual([{ id: 2 }]);
});

test("a transaction that was open on the old server ends there, and only then are the new endpoints in use", async () => {
  const database = open();
  await from.run("insert into counter values ('a', 1)");
  const begun = lazyTransaction(database);
  await begun.db.insertInto("entry").values(entry(1)).execute();
  database.setEndpoints(moved());
  await expect.poll(() => database.db.selectFrom("entry").selectAll().execute()).toEqual([]);
  expect(database.epochInUse()).toBe(1);
  await begun.commit();
  expect(await from.rows("select id from entry")).toEqual([{ id: 1 }]);
  expect(await to.rows("select id from entry")).toEqual([]);
  await expect.poll(() => database.epochInUse(), LATER).toBe(2);
});

test("connections to where the database will be are open before the move, and taken into use by it", async () => {
  const database = open({ connections: 2 });
  await database.ping();
  const backends = () =>
    to.rows<{ pid: number }>("select pid from pg_stat_activity where usename = 'ninefold_service' order by pid");
  const { clusters, ...rest } = endpointsTo(source);
  const upcoming = { ...clusters.main!, upcoming: moved().clusters.main!.primary };
  database.setEndpoints({ ...rest, epoch: 2, clusters: { main: upcoming } });
  await expect.poll(() => database.epochInUse(), LATER).toBe(2);
  const ready = await backends();
  expect(ready).toHaveLength(2);
  await database.db.insertInto("entry").values(entry(1)).execute();
  expect(await from.rows("select id from entry")).toEqual([{ id: 1 }]);

  database.setEndpoints({ ...moved(), epoch: 3 });
  await database.db.insertInto("entry").values(entry(2)).execute();
  expect(await to.rows("select id from entry")).toEqual([{ id: 2 }]);
  expect(await backends()).toEqual(ready);
  await expect.poll(() => database.epochInUse(), LATER).toBe(3);
});

test("what is asked often is prepared where the database will be, before it is there", async () => {
  const database = open({ connections: 2 });
  const ask = () => database.db.selectFrom("entry").select("id").where("id", "=", 1).execute();
  for (let times = 0; times < 2; times++) await ask();
  const { clusters, ...rest } = endpointsTo(source);
  const upcoming = { ...clusters.main!, upcoming: moved().clusters.main!.primary };
  database.setEndpoints({ ...rest, epoch: 2, clusters: { main: upcoming } });
  await expect.poll(() => database.epochInUse(), LATER).toBe(2);
  const last = await to.rows("select query from pg_stat_activity where usename = 'ninefold_service'");
  expect(last).toEqual(Array(2).fill({ query: 'select "id" from "entry" where "id" = $1' }));
  database.setEndpoints({ ...moved(), epoch: 3 });
  expect(await ask()).toEqual([]);
});

test("connections to where the database was stay for a while after the move, and end", async () => {
  const database = open({ connections: 3 });
  const left = async () => (await from.rows("select from pg_stat_activity where usename = 'ninefold_service'")).length;
  await expect.poll(left, LATER).toBe(3);
  const movedAt = performance.now();
  database.setEndpoints(moved());
  await database.ping();
  await expect.poll(() => database.epochInUse(), LATER).toBe(2);
  await expect.poll(left, LATER).toBeLessThan(3);
  expect(performance.now() - movedAt).toBeGreaterThan(1_000);
  await expect.poll(left, LATER).toBe(0);
});

test("connections to a place that is given up are let go", async () => {
  const database = open({ connections: 2 });
  await database.ping();
  const { clusters, ...rest } = endpointsTo(source);
  const upcoming = { ...clusters.main!, upcoming: moved().clusters.main!.primary };
  database.setEndpoints({ ...rest, epoch: 2, clusters: { main: upcoming } });
  await expect.poll(() => database.epochInUse(), LATER).toBe(2);
  database.setEndpoints({ ...endpointsTo(source), epoch: 3 });
  const left = () => to.rows("select pid from pg_stat_activity where usename = 'ninefold_service'");
  await expect.poll(left).toEqual([]);
  await database.ping();
});

test("a session's position names the server it was learnt from", async () => {
  const database = open();
  const session = new Session();
  const write = (id: number) =>
    runWithSession(session, () => database.db.insertInto("entry").values(entry(id)).execute());
  await write(1);
  const before = session.positions.get("main");
  database.setEndpoints(moved());
  await write(2);
  const after = session.positions.get("main");
  const systems = await Promise.all(
    [from, to].map((mover) => mover.rows("select system_identifier::text as system from pg_control_system()")),
  );
  expect(systems).toEqual([[{ system: before?.system }], [{ system: after?.system }]]);
  expect([before?.epoch, after?.epoch]).toEqual([1, 2]);
});

test("the holder of the endpoints is asked for newer ones while the database is fenced, and while it is away", async () => {
  let asked = 0;
  const options = { credentials: source.service, holdMs: 10_000, onTrouble: () => void asked++ };
  const database = openTestDatabase<Tables>(source, options);
  opened.push(database);
  await database.ping();
  expect(asked).toBe(0);
  await from.fence();
  const write = database.db.insertInto("entry").values(entry(1)).execute();
  await expect.poll(() => asked).toBeGreaterThan(2);
  await from.unfence();
  await write;
  asked = 0;
  const away = openTestDatabase<Tables>(source, { ...options, port: 1 });
  opened.push(away);
  await expect.poll(() => asked).toBeGreaterThan(2);
});

test("what became of a commit whose connection broke is asked of the server it was sent to, wherever work goes by then", async () => {
  await using proxy = await startTestProxy(source);
  const database = openTestDatabase<Tables>(source, { credentials: source.service, port: proxy.port });
  opened.push(database);
  await database.ping();
  let runs = 0;
  proxy.judge = ({ code, names }) => {
    if (names !== "commit" || (code !== "B" && code !== "P")) return "pass";
    proxy.judge = () => "pass";
    database.setEndpoints(moved());
    return "cut-after";
  };
  await database.db.transaction().execute(async (trx) => {
    runs++;
    await trx.insertInto("entry").values(entry(1)).execute();
  });
  expect(runs).toBe(1);
  expect(await from.rows("select id from entry")).toEqual([{ id: 1 }]);
  expect(await to.rows("select id from entry")).toEqual([]);
});
