import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { SERVICE_ROLE } from "../../topology/roles.ts";
import { type Database, openDatabase } from "../data/index.ts";
import { startTestCluster, synchronousNames, type TestCluster, type TestMember } from "../data/testing-standbys.ts";
import { runWithSession, Session } from "../session/index.ts";
import { type JobDefinitions, knownJobs } from "./definition.ts";
import { createJobs } from "./enqueue.ts";
import { installJobs } from "./install.ts";
import { type Effects, startTestWorker, until } from "./testing.ts";
import type { JobWorker } from "./worker.ts";

let cluster: TestCluster;
let primary: TestMember;
let standby: TestMember;
/** The service's, in the app and in the worker: two processes elsewhere. */
let app: Database<Effects>;
let database: Database<Effects>;
let worker: JobWorker;
/** What each kind of job has read. */
const read = new Map<string, readonly string[]>();

const notes = async ({ outside: db }: { outside: Database<Effects>["db"] }) =>
  (await db.selectFrom("effects").select("note").orderBy("note").execute()).map(({ note }) => note);
const write = (db: Database<Effects>["db"], note: string) => db.insertInto("effects").values({ job: "", note });

const definitions: JobDefinitions<Effects> = {
  reads: { run: async (_, resources) => void read.set("reads", await notes(resources)) },
  writesAndReads: {
    run: async (_, resources) => {
      await write(resources.outside, "b").execute();
      read.set("writesAndReads", await notes(resources));
    },
  },
  chains: {
    run: async (_, { db, jobs }) => {
      await write(db, "b").execute();
      await jobs.enqueue("reads", {});
    },
  },
  readsInItsTransaction: {
    run: async (_, { db }) => void read.set("readsInItsTransaction", await notes({ outside: db })),
  },
};
const jobs = () => createJobs({ db: app.db, jobs: knownJobs(definitions) });

beforeAll(async () => {
  cluster = await startTestCluster({ standbys: 1 });
  [primary, standby] = cluster.members as [TestMember, TestMember];
  const { address, server } = primary;
  await installJobs({ ownerConnection: { ...address, ...server.owner }, serviceRole: SERVICE_ROLE });
  await primary.run("create table effects (job text, note text); grant all on effects to ninefold_service");
});
afterAll(() => cluster[Symbol.asyncDispose]());

let end: () => Promise<void>;
beforeEach(async () => {
  read.clear();
  await primary.run("delete from effects");
  await cluster.caughtUp(standby);
  const open = () =>
    openDatabase<Effects>({
      endpoints: cluster.endpoints(),
      credentials: primary.server.service,
      connections: 4,
      holdMs: 5_000,
    });
  [app, database] = [open(), open()];
  const { host, port, database: name } = primary.address;
  // The queue's own statements are not what is held up here.
  const options = "-c synchronous_commit=local";
  const connection = () => ({ host, port, database: name, ...primary.server.service, options });
  worker = startTestWorker(database, connection, definitions, 2);
  end = async () => {
    await worker.drain(1_000);
    await app.close();
    await database.close();
  };
  await until("the standby to be known", () => [app, database].every((one) => one.stats().standbys?.open === 1));
});
afterEach(async () => {
  await standby.run("select pg_wal_replay_resume()");
  await end();
});

/** A request that writes and enqueues in one transaction. */
const request = (job: string) =>
  runWithSession(new Session(), () =>
    app.db.transaction().execute(async (trx) => {
      await write(trx, "a").execute();
      await jobs().enqueue(job, {}, { trx });
    }),
  );
const result = async (job: string) => {
  await until(`${job} to have run`, () => read.has(job));
  return read.get(job);
};

test("what a job reads outside of its transaction a standby answers, once that has what the job came with", async () => {
  await request("reads");
  expect(await result("reads")).toEqual(["a"]);
  const { reads = 0, fallbacks = 0 } = database.stats().standbys ?? {};
  expect(reads + fallbacks).toBe(1);
  read.clear();
  await cluster.caughtUp(standby);
  await runWithSession(new Session(), () => jobs().enqueue("reads", {}));
  expect(await result("reads")).toEqual(["a"]);
});

test.each([
  ["its enqueuer wrote with it", "reads", "reads", ["a"]],
  ["it wrote itself", "writesAndReads", "writesAndReads", ["a", "b"]],
  ["the job wrote that enqueued it", "chains", "reads", ["a", "b"]],
])("a job does not miss what %s on a standby that is held back", async (_, job, reader, found) => {
  await standby.run("select pg_wal_replay_pause()");
  await request(job);
  expect(await result(reader)).toEqual(found);
  expect(database.stats().standbys).toMatchObject({ reads: 0, fallbacks: 1 });
});

test("a job does not miss in its transaction what its enqueuer had seen on a standby and the primary does not show yet", async () => {
  await primary.set({ synchronous_standby_names: synchronousNames([standby.name, "dc1.db.9"]) });
  const stalled = write(app.db, "a").execute();
  await until("the standby to show it", async () => (await standby.rows("select from effects")).length === 1);
  await runWithSession(new Session(), () =>
    app.db.transaction().execute(async (trx) => {
      await sql`set local synchronous_commit = local`.execute(trx);
      expect(await notes({ outside: app.db })).toEqual(["a"]);
      await jobs().enqueue("readsInItsTransaction", {}, { trx });
    }),
  );
  await until("the job to run", () => worker.stats().running === 1);
  const held = "select from pg_stat_activity where query like '%await_visible%' and pid <> pg_backend_pid()";
  await until("it to be held up", async () => (await primary.rows(held)).length > 0);
  expect(read.size).toBe(0);
  await primary.set({ synchronous_standby_names: synchronousNames([standby.name]) });
  await primary.run("create table nudge (); drop table nudge"); // PostgreSQL looks again when a standby next confirms
  expect(await result("readsInItsTransaction")).toEqual(["a"]);
  await stalled;
});
