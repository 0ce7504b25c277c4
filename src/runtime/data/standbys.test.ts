import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { runWithSession, Session, sessionCodec } from "../session/index.ts";
import { type Database, type DatabaseOptions, DatabaseUnavailable, openDatabase } from "./index.ts";
import { startTestProxy } from "./testing-proxy.ts";
import { startTestCluster, synchronousNames, type TestCluster, type TestMember, until } from "./testing-standbys.ts";

interface Tables {
  entry: { id: number; text: string };
}

let cluster: TestCluster;
let primary: TestMember;
let standbys: TestMember[];
const opened: Database<Tables>[] = [];
const codec = sessionCodec({ keys: ["k".repeat(32)], deployment: "test" });

beforeAll(async () => {
  cluster = await startTestCluster({ standbys: 2 });
  [primary, ...standbys] = cluster.members as [TestMember, ...TestMember[]];
  await primary.run(
    "create table entry (id int primary key, text text not null); grant all on entry to ninefold_service",
  );
});
afterAll(() => cluster[Symbol.asyncDispose]());
beforeEach(async () => {
  await primary.run("delete from entry");
  for (const standby of standbys) await cluster.caughtUp(standby);
});
afterEach(async () => {
  await primary.run("select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'");
  for (const standby of standbys) await standby.run("select pg_wal_replay_resume()");
  await primary.set({ synchronous_standby_names: synchronousNames(standbys.map(({ name }) => name)) });
  for (const database of opened.splice(0)) await database.close();
});

/** One instance of the service, once it knows the standbys it may read. */
async function instance(options: Partial<DatabaseOptions> = {}, readable = standbys.length): Promise<Database<Tables>> {
  const database = openDatabase<Tables>({
    endpoints: cluster.endpoints(),
    credentials: primary.server.service,
    connections: 2,
    holdMs: 5_000,
    ...options,
  });
  opened.push(database);
  await until(() => database.stats().connections.open > 0);
  await until(() => database.stats().standbys?.open === readable);
  return database;
}

/** One request: what the client brings, and what it gets. */
async function request<R>(token: string | undefined, work: () => Promise<R>): Promise<{ result: R; token: string }> {
  const session = codec.open(token);
  const result = await runWithSession(session, work);
  return { result, token: session.dirty ? session.encode(codec) : (token ?? "") };
}

const pause = (standby: TestMember) => standby.run("select pg_wal_replay_pause()");
const byId = ({ db }: Database<Tables>, id: number) =>
  db.selectFrom("entry").selectAll().where("id", "=", id).execute();
const texts = ({ db }: Database<Tables>) => db.selectFrom("entry").select("text").orderBy("id").execute();
const add = ({ db }: Database<Tables>, id: number, text = "a") => db.insertInto("entry").values({ id, text }).execute();

test("reads go to the standbys, and a session finds there what it wrote on another instance", async () => {
  const [one, two] = [await instance(), await instance()];
  let token: string | undefined;
  for (let id = 1; id <= 50; id++) {
    const wrote = await request(token, () => add(one, id));
    const read = await request(wrote.token, () => texts(two));
    expect(read.result).toHaveLength(id);
    token = read.token;
  }
  expect(two.stats().standbys?.reads).toBeGreaterThan(45);
});

test("a standby that was held back is not read by who has seen more, and by others it is", async () => {
  const [one, two] = [await instance(), await instance()];
  for (const standby of standbys) await pause(standby);
  const { token } = await request(undefined, () => add(one, 1));
  for (let i = 0; i < 10; i++) expect((await request(token, () => texts(two))).result).toHaveLength(1);
  expect(two.stats().standbys).toMatchObject({ reads: 0, fallbacks: 10 });
  expect((await request(undefined, () => texts(two))).result).toEqual([]);
  expect(two.stats().standbys).toMatchObject({ reads: 1 });
});

test("what a session has read it finds again, whichever standby or instance it comes to next", async () => {
  const [ahead, behind] = standbys as [TestMember, TestMember];
  const [one, two] = [await instance(), await instance()];
  await pause(behind);
  await add(one, 1);
  await cluster.caughtUp(ahead);
  let token: string | undefined;
  let seen = 0;
  for (let i = 0; i < 40; i++) {
    const read: { result: unknown[]; token: string } = await request(token, () => texts(i % 2 === 0 ? one : two));
    expect(read.result.length).toBeGreaterThanOrEqual(seen);
    seen = read.result.length;
    token = read.token;
  }
  expect(seen).toBe(1);
});

test("what it has read on the primary, too", async () => {
  const [one, two] = [await instance(), await instance()];
  for (const standby of standbys) await pause(standby);
  await add(one, 1);
  const inTransaction = () => one.db.transaction().execute((trx) => trx.selectFrom("entry").selectAll().execute());
  const rolledBack = () =>
    one.db.transaction().execute(async (trx) => {
      await trx.selectFrom("entry").selectAll().execute();
      throw new Error("given up");
    });
  const locked = () => one.db.selectFrom("entry").selectAll().forUpdate().execute();
  for (const read of [inTransaction, locked, () => rolledBack().catch(() => undefined)]) {
    const { token } = await request(undefined, read);
    expect((await request(token, () => texts(two))).result).toHaveLength(1);
  }
});

test("outside of requests, too: the process is one session then", async () => {
  const one = await instance();
  for (const standby of standbys) await pause(standby);
  await add(one, 1);
  expect(await texts(one)).toHaveLength(1);
});

test("a client that only says who it is finds what was written before it asked, and standbys serve it", async () => {
  const [one, two] = [await instance(), await instance()];
  const unknown = () => new Session(() => ({ id: undefined, positions: [], incomplete: true }));
  for (let id = 1; id <= 20; id++) {
    await add(one, id);
    expect(await runWithSession(unknown(), () => texts(two))).toHaveLength(id);
  }
  expect(two.stats().standbys?.reads).toBeGreaterThan(15);
  for (const standby of standbys) await pause(standby);
  await add(one, 21);
  expect(await runWithSession(unknown(), () => texts(two))).toHaveLength(21);
});

test("a forged token, and one of another deployment, only cost a question to the primary", async () => {
  const [one, two] = [await instance(), await instance()];
  for (const standby of standbys) await pause(standby);
  const far = { cluster: "main", system: "1", epoch: 9, timeline: 99, lsn: 2n ** 60n, seen: 2n ** 60n };
  const forged = sessionCodec({ keys: ["x".repeat(32)], deployment: "test" }).encode([far]);
  const foreign = sessionCodec({ keys: ["k".repeat(32)], deployment: "other" }).encode([far]);
  for (const [i, token] of [forged, foreign].entries()) {
    await add(one, i);
    expect((await request(token, () => texts(two))).result).toHaveLength(i + 1);
    expect((await request(token, () => add(two, 100 + i))).result).toHaveLength(1);
    await two.db
      .deleteFrom("entry")
      .where("id", "=", 100 + i)
      .execute();
  }
});

test("many reads with forged tokens at once cost no more than one question", async () => {
  const [one, two] = [await instance(), await instance()];
  await add(one, 1);
  const forged = sessionCodec({ keys: ["x".repeat(32)], deployment: "test" }).encode([]);
  const before = two.stats();
  const reads = await Promise.all(Array.from({ length: 50 }, () => request(forged, () => texts(two))));
  expect(reads.every(({ result }) => result.length === 1)).toBe(true);
  expect(two.stats().statements - before.statements).toBe(1);
  expect(two.stats().standbys).toMatchObject({ fallbacks: 0 });
});

test("a position on the server that a move came from is known here, and one of a later move is not", async () => {
  const two = await instance({ endpoints: cluster.endpoints(2) });
  for (const standby of standbys) await pause(standby);
  const at = (epoch: number) => codec.encode([{ cluster: "main", system: "1", epoch, timeline: 7, lsn: 2n ** 40n }]);
  await request(at(1), () => texts(two));
  expect(two.stats().standbys).toMatchObject({ reads: 1, fallbacks: 0 });
  await request(at(3), () => texts(two));
  expect(two.stats().standbys).toMatchObject({ reads: 1, fallbacks: 1 });
});

describe("a commit that a standby shows while the primary waits for another one", () => {
  /** A commit that is not confirmed until `confirm`. */
  async function stalled(database: Database<Tables>) {
    const names = standbys.map(({ name }) => name);
    await primary.set({ synchronous_standby_names: synchronousNames([...names, "dc1.db.9"]) });
    const writing = add(database, 1, "new");
    await until(async () => (await standbys[0]?.rows("select from entry where text = 'new'"))?.length === 1);
    expect(await primary.rows("select from entry")).toEqual([]);
    const confirm = async () => {
      await primary.set({ synchronous_standby_names: synchronousNames(names) });
      await primary.run("create table nudge (); drop table nudge"); // PostgreSQL looks again when a standby next confirms
    };
    return { confirm, writing };
  }

  /** A session that has seen it. */
  async function seer(database: Database<Tables>): Promise<string> {
    for (let token: string | undefined; ; ) {
      const read: { result: unknown[]; token: string } = await request(token, () => texts(database));
      if (read.result.length === 1) return read.token;
      token = read.token;
    }
  }

  const update = ({ db }: Database<Tables>) =>
    db.updateTable("entry").set({ text: "newer" }).where("id", "=", 1).returning("id").execute();
  const several = async (db: Database<Tables>["db"]) =>
    (await sql<{ id: number }>`update entry set text = 'newer' where id = 1; select id from entry`.execute(db)).rows;
  const ways: [string, (database: Database<Tables>) => Promise<unknown[]>][] = [
    ["a write", update],
    ["a read that locks", ({ db }) => db.selectFrom("entry").select("id").forUpdate().execute()],
    ["a transaction", ({ db }) => db.transaction().execute((trx) => trx.selectFrom("entry").select("id").execute())],
    [
      "a transaction with one snapshot",
      ({ db }) =>
        db
          .transaction()
          .setIsolationLevel("repeatable read")
          .execute((trx) => trx.selectFrom("entry").select("id").execute()),
    ],
    ["several statements in one text", ({ db }) => several(db)],
    ["several statements on a connection of its own", ({ db }) => db.connection().execute((own) => several(own))],
    ["a connection of its own", ({ db }) => db.connection().execute((own) => update({ db: own } as Database<Tables>))],
  ];

  test.each(ways)("is not missed by %s of a session that has seen it", async (_, way) => {
    const [one, two, three] = [await instance(), await instance(), await instance({ holdMs: 30_000 })];
    const { confirm, writing } = await stalled(one);
    const token = await seer(two);
    let ended = false;
    const going = request(token, () => way(three)).finally(() => {
      ended = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(ended).toBe(false);
    await confirm();
    expect((await going).result).toHaveLength(1);
    await writing;
  });

  test("is not missed by a client that only says who it is, and may have seen it", async () => {
    const [one, two] = [await instance(), await instance()];
    const { confirm, writing } = await stalled(one);
    const unknown = new Session(() => ({ id: undefined, positions: [], incomplete: true }));
    const going = runWithSession(unknown, () => update(two));
    await new Promise((resolve) => setTimeout(resolve, 300));
    await confirm();
    expect(await going).toHaveLength(1);
    await writing;
  });

  test("holds up nobody else, and who has seen it not for ever", async () => {
    const [one, two, three] = [await instance(), await instance(), await instance({ holdMs: 300 })];
    const { confirm, writing } = await stalled(one);
    const token = await seer(two);
    expect((await request(undefined, () => ways[2]?.[1](three) ?? Promise.reject())).result).toEqual([]);
    for (const [, way] of ways) await expect(request(token, () => way(three))).rejects.toThrow(DatabaseUnavailable);
    await confirm();
    await writing;
  });
});

test("transactions that are open on the primary, idle or at work, hold up no session that read on a standby meanwhile", async () => {
  const [one, two] = [await instance({ connections: 5 }), await instance()];
  await one.db
    .insertInto("entry")
    .values([1, 2, 3].map((id) => ({ id, text: "a" })))
    .execute();
  const idle = await one.db.startTransaction().execute();
  await idle.updateTable("entry").set({ text: "b" }).where("id", "=", 1).execute();
  const busy = await one.db.startTransaction().execute();
  await busy.updateTable("entry").set({ text: "b" }).where("id", "=", 2).execute();
  const working = sql`select pg_sleep(3)`.execute(busy);
  await add(one, 4); // so that the standbys show a transaction with a later number
  const began = performance.now();
  for (let i = 0; i < 5; i++) {
    const { token } = await request(undefined, () => texts(two));
    await request(token, () => two.db.updateTable("entry").set({ text: "c" }).where("id", "=", 3).execute());
  }
  expect(performance.now() - began).toBeLessThan(1_500);
  await working;
  await Promise.all([idle, busy].map((transaction) => transaction.rollback().execute()));
});

test("only standbys that every commit waits for are read", async () => {
  const [named] = standbys as [TestMember];
  await primary.set({ synchronous_standby_names: synchronousNames([named.name]) });
  const one = await instance({}, 1);
  for (const standby of standbys.slice(1)) await pause(standby);
  await add(one, 1);
  await cluster.caughtUp(named);
  for (let i = 0; i < 20; i++) expect((await request(undefined, () => texts(one))).result).toHaveLength(1);
});

test("no write costs a trip more, and no read in the common case", async () => {
  const proxies = await Promise.all(cluster.members.map(({ address }) => startTestProxy(address)));
  const through = cluster.endpoints();
  const addresses = cluster.members.map(({ address }, i) => ({ ...address, port: proxies[i]?.port ?? 0 }));
  const [first, ...others] = addresses as [(typeof addresses)[0], ...typeof addresses];
  const endpoints = { ...through, clusters: { main: { primary: first, standbys: others } } };
  const one = await instance({ endpoints, connections: 1 });
  /** Trips to all members; now and then one of the watch is among them, so the median counts. */
  const trips = async (work: () => Promise<unknown>) => {
    for (const proxy of proxies) proxy.trips = 0;
    await work();
    return proxies.reduce((sum, proxy) => sum + proxy.trips, 0);
  };
  const write = (id: number) => one.db.updateTable("entry").set({ text: "b" }).where("id", "=", id).execute();
  const spent: { read: number[]; write: number[] } = { read: [], write: [] };
  let { token } = await request(undefined, () => write(0));
  await request(token, () => byId(one, 0));
  for (let id = 0; id < 30; id++) {
    spent.write.push(await trips(async () => (token = (await request(token, () => write(id))).token)));
    spent.read.push(await trips(async () => (token = (await request(token, () => byId(one, id))).token)));
  }
  const median = (list: number[]) => list.sort((a, b) => a - b)[list.length >> 1];
  expect([median(spent.write), median(spent.read)]).toEqual([1, 1]);
  await one.close();
  for (const proxy of proxies) await proxy[Symbol.asyncDispose]();
});
