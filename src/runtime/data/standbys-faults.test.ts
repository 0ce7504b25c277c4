import { setTimeout as delay } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { runWithSession, Session, sessionCodec } from "../session/index.ts";
import { type Database, type DatabaseOptions, openDatabase } from "./index.ts";
import { Crasher } from "./testing-crash.ts";
import { startTestCluster, synchronousNames, type TestCluster, type TestMember, until } from "./testing-standbys.ts";

interface Tables {
  entry: { id: number };
}

const codec = sessionCodec({ keys: ["k".repeat(32)], deployment: "test" });
const opened: Database<Tables>[] = [];
afterEach(async () => {
  for (const database of opened.splice(0)) await database.close();
});

async function start(standbys: number, synchronous = true): Promise<TestCluster> {
  const cluster = await startTestCluster({ standbys, synchronous });
  await first(cluster).run("create table entry (id int primary key); grant all on entry to ninefold_service");
  return cluster;
}

const first = ({ members }: TestCluster) => members[0] as TestMember;
const ids = async ({ db }: Database<Tables>) =>
  (await db.selectFrom("entry").select("id").execute()).map(({ id }) => id);
const add = ({ db }: Database<Tables>, id: number) => db.insertInto("entry").values({ id }).execute();
const readable = (database: Database<Tables>) => database.stats().standbys?.open ?? 0;

async function instance(cluster: TestCluster, options: Partial<DatabaseOptions> = {}): Promise<Database<Tables>> {
  const database = openDatabase<Tables>({
    endpoints: cluster.endpoints(),
    credentials: first(cluster).server.service,
    connections: 2,
    holdMs: 20_000,
    ...options,
  });
  opened.push(database);
  await until(() => database.stats().connections.open > 0 && readable(database) === cluster.members.length - 1);
  return database;
}

test("a standby that dies fails no read, and comes back by itself", async () => {
  await using cluster = await start(2);
  const [, , dying] = cluster.members as [TestMember, TestMember, TestMember];
  await using crasher = new Crasher(dying.server);
  const database = await instance(cluster);
  await add(database, 1);
  let stop = false;
  let reads = 0;
  let longest = 0;
  const readers = Array.from({ length: 6 }, async () => {
    while (!stop) {
      const began = performance.now();
      expect(await ids(database)).toEqual([1]);
      longest = Math.max(longest, performance.now() - began);
      reads++;
    }
  });
  await delay(200);
  await crasher.kill("all");
  await until(() => readable(database) === 1);
  const before = reads;
  await delay(500);
  expect(reads).toBeGreaterThan(before);
  await crasher.start();
  await until(() => readable(database) === 2);
  stop = true;
  await Promise.all(readers);
  expect(longest).toBeLessThan(2_000);
  expect(database.stats().standbys?.fallbacks).toBeLessThan(reads / 10);
});

test("the primary dies and a standby takes its place: writes wait and follow, and all that was seen is there", async () => {
  await using cluster = await start(2);
  const [old, next, other] = cluster.members as [TestMember, TestMember, TestMember];
  await using crasher = new Crasher(old.server);
  const [one, two] = [await instance(cluster), await instance(cluster)];
  const session = new Session();
  await other.run("select pg_wal_replay_pause()");
  await runWithSession(session, () => add(one, 1));
  let token = session.encode(codec);
  await cluster.caughtUp(next);
  await crasher.kill("all");
  const writing = runWithSession(codec.open(token), () => add(one, 2));
  // Reads that have not seen more than a standby has go on meanwhile.
  expect(await runWithSession(codec.open(token), () => ids(two))).toEqual([1]);
  // Nor need a client that cannot tell what it has seen: the standbys together have it.
  for (let i = 0; i < 10; i++) {
    const unknown = new Session(() => ({ id: undefined, positions: [], incomplete: true }));
    expect(await runWithSession(unknown, () => ids(i % 2 === 0 ? one : two))).toEqual([1]);
  }
  await other.run("select pg_wal_replay_resume()");
  const began = performance.now();
  await next.run("select pg_promote()");
  await next.run("insert into entry values (100)");
  await writing;
  expect(performance.now() - began).toBeLessThan(3_000);

  // A former primary that does not know it yet shows nobody the past.
  await cluster.follow(other, next);
  await until(async () => (await other.rows("select from entry where id = 100")).length === 1);
  await crasher.start();
  await next.set({ synchronous_standby_names: synchronousNames([other.name]) });
  await until(() => readable(one) === 1 && readable(two) === 1);
  for (let id = 3; id <= 10; id++) {
    const wrote = codec.open(token);
    await runWithSession(wrote, () => add(id % 2 === 0 ? one : two, id));
    token = wrote.encode(codec);
    const read = codec.open(token);
    expect(await runWithSession(read, () => ids(id % 2 === 0 ? two : one))).toHaveLength(id + 1);
    expect(read.wasCutOff).toBe(false);
    if (read.dirty) token = read.encode(codec);
  }
  expect(await old.rows("select from entry")).toHaveLength(1);
  const late = await instance({ ...cluster, members: [old, other] }, { endpoints: cluster.endpoints() });
  expect(await runWithSession(codec.open(token), () => ids(late))).toHaveLength(11);
});

test("what a failover has cut off is told, not waited for", async () => {
  await using cluster = await start(1, false);
  const [old, next] = cluster.members as [TestMember, TestMember];
  await using crasher = new Crasher(old.server);
  await old.set({ synchronous_standby_names: synchronousNames([next.name]) });
  const database = await instance(cluster);
  await add(database, 1);
  await cluster.caughtUp(next);
  await next.set({ primary_conninfo: "host=/nowhere" });
  await old.set({ synchronous_standby_names: "" });
  const session = new Session();
  for (let id = 2; id < 10; id++) await runWithSession(session, () => add(database, id)); // acknowledged, and lost
  const token = session.encode(codec);
  await crasher.kill("all");
  await next.run("select pg_promote()");
  await next.run("insert into entry values (50)");
  await until(async () => (await ids(database).catch((): number[] => [])).includes(50));
  const later = codec.open(token);
  const began = performance.now();
  expect(await runWithSession(later, () => ids(database))).toEqual([1, 50]);
  expect(performance.now() - began).toBeLessThan(1_000);
  expect([later.wasCutOff, later.dirty]).toEqual([true, true]);
  const again = codec.open(later.encode(codec));
  await runWithSession(again, () => ids(database));
  expect(again.wasCutOff).toBe(false);
});
