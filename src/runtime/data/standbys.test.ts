import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { runWithSession, type Session, sessionCodec } from "../session/index.ts";
import { type Database, type DatabaseOptions, openDatabase } from "./index.ts";
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
  for (const standby of standbys) await standby.run("select pg_wal_replay_resume()");
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
  await database.ping(10_000);
  await until(() => database.stats().standbys?.open === readable);
  return database;
}

/** One request: what the client brings, and what it gets. */
async function request<R>(token: string | undefined, work: () => Promise<R>): Promise<{ result: R; token: string }> {
  const session: Session = codec.open(token);
  const result = await runWithSession(session, work);
  return { result, token: session.dirty ? session.encode(codec) : (token ?? "") };
}

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
  for (const standby of standbys) await standby.run("select pg_wal_replay_pause()");
  const { token } = await request(undefined, () => add(one, 1));
  for (let i = 0; i < 10; i++) expect((await request(token, () => texts(two))).result).toHaveLength(1);
  expect(two.stats().standbys).toMatchObject({ reads: 0, fallbacks: 10 });
  expect((await request(undefined, () => texts(two))).result).toEqual([]);
  expect(two.stats().standbys).toMatchObject({ reads: 1 });
});
