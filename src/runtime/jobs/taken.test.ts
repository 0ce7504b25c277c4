import { Client } from "pg";
import { expect, test } from "vitest";
import { startTestPostgres } from "../../engines/postgres/testing.ts";
import { startTestProxy, type TestProxy } from "../data/testing-proxy.ts";
import { type JobsTest, openEffects, startJobsTest, startTestWorker, until } from "./testing.ts";

const JOBS = "graphile_worker._private_jobs";

/** Lets no job be taken while `work` is done; the first statement that takes some then is carried out, and its answer lost. */
async function loseNextAnswer<T>(
  proxy: TestProxy,
  work: () => Promise<T>,
  afterwards: TestProxy["judge"] = () => "pass",
): Promise<T> {
  const takes = (name: string) => name.startsWith("get_job");
  proxy.judge = ({ code, names }) => (code === "B" && takes(names) ? "cut-before" : "pass");
  const result = await work();
  await new Promise<void>((lost) => {
    proxy.judge = ({ code, names }) => {
      if (code !== "B" || !takes(names)) return "pass";
      proxy.judge = afterwards;
      lost();
      return "cut-after";
    };
  });
  return result;
}

/** Notes, as an effect of the job `known`, each job that a lane says it knows when it gives the others back. */
async function watchHandBack(system: JobsTest): Promise<void> {
  const owner = new Client(system.owner);
  await owner.connect();
  await owner.query(`
    alter function ninefold.hand_back_unknown rename to hand_back_really;
    create function ninefold.hand_back_unknown(worker text, tasks int[], known bigint[]) returns void language sql as $$
      insert into effects (job, note) select 'known', k from unnest(known) k;
      select ninefold.hand_back_really(worker, tasks, known)
    $$;
    grant execute on function ninefold.hand_back_unknown to public`);
  await owner.end();
}

test("jobs taken by a statement whose answer was lost run at once, and one that runs meanwhile is left alone", async () => {
  await using postgres = await startTestPostgres({ roles: true, fsync: false });
  await using system = await startJobsTest(postgres);
  await using proxy = await startTestProxy(system.connection);
  await watchHandBack(system);
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const runs: string[] = [];
  const definitions = system.define({
    long: {
      run: async (job) => {
        runs.push(job.id);
        await held;
      },
    },
    short: { run: async (job) => void runs.push(job.id), attempts: 1 },
    failsOnce: {
      backoff: { initialMs: 1, maxMs: 1 },
      run: async ({ attempt }) => {
        if (attempt === 1) throw new Error("the first try fails");
      },
    },
  });
  const jobs = system.jobs(definitions);
  await using database = Object.assign(openEffects(system.connection, 4), {
    [Symbol.asyncDispose]: () => database.close(),
  });
  const worker = startTestWorker(database, () => ({ ...system.connection, port: proxy.port }), definitions, 4);
  await using _ended = { [Symbol.asyncDispose]: () => worker.drain(0) };

  await jobs.enqueueMany("failsOnce", [1, 2, 3]);
  await jobs.enqueueMany("failsOnce", [1, 2], { orderKey: "one after the other" });
  const long = await jobs.enqueue("long", 0);
  await until("only the long job to be left", async () => runs.length === 1 && (await system.count(JOBS)) === 1);

  const short = await loseNextAnswer(proxy, async () => [
    ...(await jobs.enqueueMany("short", [1, 2, 3])),
    ...(await jobs.enqueueMany("short", [4, 5], { orderKey: "in order" })),
  ]);
  await until("the short jobs to be done", async () => (await system.count(JOBS)) === 1);
  expect(runs.toSorted()).toEqual([long, ...short].toSorted());
  const known = new Set((await system.effects()).map(({ note }) => note));
  expect([...known]).toEqual([long]);

  release();
  await until("all to be done", async () => (await system.count(JOBS)) === 0);
  expect(runs).toHaveLength(6);
  expect(worker.stats()).toMatchObject({ ready: true, failed: 5, dead: 0 });
}, 60_000);

test("jobs whose taking was not answered run though their worker begins anew beside one that runs for long", async () => {
  await using postgres = await startTestPostgres({ roles: true, fsync: false });
  await using system = await startJobsTest(postgres);
  await using proxy = await startTestProxy(system.connection);
  const long = Promise.withResolvers<void>();
  const soon = Promise.withResolvers<void>();
  const runs: string[] = [];
  const definitions = system.define({
    long: { run: async () => long.promise },
    soon: { run: async () => soon.promise },
    short: { run: async (job) => void runs.push(job.id), attempts: 1 },
  });
  const jobs = system.jobs(definitions);
  await using database = Object.assign(openEffects(system.connection, 4), {
    [Symbol.asyncDispose]: () => database.close(),
  });
  const worker = startTestWorker(database, () => ({ ...system.connection, port: proxy.port }), definitions, 4);
  await using _ended = { [Symbol.asyncDispose]: () => worker.drain(0) };
  await jobs.enqueue("long", 0);
  await jobs.enqueue("soon", 0);
  await until("both to run", () => worker.stats().running === 2);

  // Then no more can be taken nor any given back, and that a job is done cannot be written down: the library gives up.
  const short = await loseNextAnswer(
    proxy,
    () => jobs.enqueueMany("short", [1, 2, 3]),
    ({ code, names }) =>
      (code === "B" && /^(?:get|complete)_job/.test(names)) || names.includes("hand_back_unknown")
        ? "cut-before"
        : "pass",
  );
  soon.resolve();
  await until("another life to begin", async () => (await system.count("ninefold.workers")) === 2);
  proxy.judge = () => "pass";
  await until("the short jobs to be done", () => runs.length === 3);
  expect(runs.toSorted()).toEqual(short.toSorted());
  expect(worker.stats()).toMatchObject({ running: 1, failed: 0 });
  long.resolve();
  await until("all to be done", async () => (await system.count(JOBS)) === 0);
}, 60_000);
