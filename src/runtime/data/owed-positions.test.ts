import { Client } from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { runWithSession, Session } from "../session/index.ts";
import { type Database, openDatabase } from "./index.ts";
import { startTestProxy, type TestProxy } from "./testing-proxy.ts";
import { startTestCluster, synchronousNames, type TestCluster, type TestMember, until } from "./testing-standbys.ts";

interface Tables {
  entry: { id: number; text: string };
}

let cluster: TestCluster;
let primary: TestMember;
let standby: TestMember;
let proxy: TestProxy;
let database: Database<Tables>;

beforeAll(async () => {
  cluster = await startTestCluster();
  [primary, standby] = cluster.members as [TestMember, TestMember];
  proxy = await startTestProxy(primary.address);
  await primary.run("create table entry (id int primary key, text text not null); grant all on entry to public");
  const through = { ...primary.address, port: proxy.port };
  database = openDatabase<Tables>({
    endpoints: {
      ...cluster.endpoints(),
      clusters: { main: { primary: through, standbys: [standby.address] } },
    },
    credentials: primary.server.service,
    connections: 2,
    holdMs: 5_000,
    busyMs: 60_000,
  });
  await until(() => database.stats().connections.open === 2 && database.stats().standbys?.open === 1);
}, 60_000);
beforeEach(async () => {
  await standby.run("select pg_wal_replay_resume()");
  await primary.run("delete from entry; insert into entry values (0, 'hot'), (1, 'hot')");
  await cluster.caughtUp(standby);
  // Whoever is told too little of what it wrote would read from this standby now, and not find it.
  await standby.run("select pg_wal_replay_pause()");
  proxy.messages.length = 0;
});
afterAll(async () => {
  await standby?.run("select pg_wal_replay_resume()");
  await database?.close(100);
  await proxy?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

/** A user's write; gives whether the same user finds it, to be asked later. */
async function write(id: number): Promise<() => Promise<boolean>> {
  const session = new Session();
  await runWithSession(session, () => database.db.insertInto("entry").values({ id, text: "a" }).execute());
  return async () => {
    const read = database.db.selectFrom("entry").select("id").where("id", "=", id);
    return (await runWithSession(session, () => read.executeTakeFirst())) !== undefined;
  };
}

async function expectFound(looks: readonly (() => Promise<boolean>)[]) {
  for (const look of looks) expect(await look()).toBe(true);
}

const asked = () => proxy.messages.filter(({ code, names }) => code === "B" && names.endsWith("position")).length;

test("while others wait to write, a write's position comes with the next one, and is no less", async () => {
  const many = await Promise.all(Array.from({ length: 100 }, (_, i) => write(10 + i)));
  expect(asked()).toBeLessThan(50);
  await expectFound(many);
});

test("otherwise it is asked for right behind", async () => {
  const single = [];
  for (let id = 10; id < 20; id++) single.push(await write(id));
  expect(asked()).toBe(10);
  await expectFound(single);
});

test("a next write that is refused, or cut off with its connection, takes nothing with it", async () => {
  const refused = () => database.db.insertInto("entry").values({ id: 0, text: "twice" }).execute();
  const written: Promise<() => Promise<boolean>>[] = [];
  const errors: Promise<unknown>[] = [];
  for (let id = 10; id < 15; id++) {
    written.push(write(id));
    errors.push(
      refused().then(
        () => undefined,
        ({ code }) => code,
      ),
    );
  }
  expect(await Promise.all(errors)).toEqual(Array(5).fill("23505"));
  await expectFound(await Promise.all(written));

  let cuts = 0;
  proxy.judge = ({ names }) => (names === "outcome_row_tells" && cuts++ === 0 ? "cut-before" : "pass");
  const many = await Promise.all(Array.from({ length: 20 }, (_, i) => write(20 + i)));
  proxy.judge = () => "pass";
  expect(cuts).toBeGreaterThan(0);
  await expectFound(many);
});

test("nor does one that waits for a lock hold up an answer", async () => {
  const locker = new Client({ connectionString: primary.server.connectionString });
  await locker.connect();
  await locker.query("begin; select from entry where id in (0, 1) for update");
  let waiting = 2;
  const update = async (id: number) => {
    await database.db.updateTable("entry").set({ text: "b" }).where("id", "=", id).execute();
    waiting--;
  };
  const first = [write(10), write(11)];
  const next = [update(0), update(1)];
  const last = [write(12), write(13)];
  const answered = await Promise.all(first);
  expect(waiting).toBe(2);
  await locker.query("commit");
  await locker.end();
  await Promise.all(next);
  await expectFound(answered);
  await expectFound(await Promise.all(last));
});

test("a write goes out behind one that waits for its commit only", async () => {
  await primary.set({ synchronous_standby_names: synchronousNames([standby.name, "dc1.db.9"]) });
  const written = [10, 11, 12, 13].map(write);
  const sent = () => proxy.messages.filter(({ code, names }) => code === "B" && /^n\d/.test(names)).length;
  await expect.poll(sent, { timeout: 10_000 }).toBe(4);
  await primary.set({ synchronous_standby_names: synchronousNames([standby.name]) });
  await primary.run("select pg_logical_emit_message(true, 'test', '')"); // those that wait hear of it when a standby next confirms
  await expectFound(await Promise.all(written));
});
