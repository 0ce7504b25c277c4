import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestPostgres, type TestPostgres } from "../../engines/postgres/testing.ts";
import { discardDeadLetters, listDeadLetters, replayDeadLetters } from "./dead-letters.ts";
import { startJobsTest, until } from "./testing.ts";

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startTestPostgres({ roles: true, fsync: false });
});
afterAll(() => postgres[Symbol.asyncDispose]());

const JOBS = "graphile_worker._private_jobs";

test("a failed try leaves no effect, and the job is tried again until it is done", async () => {
  await using system = await startJobsTest(postgres);
  const attempts: number[] = [];
  const definitions = system.define({
    flaky: {
      backoff: { initialMs: 20 },
      run: async (job, { db, jobs }) => {
        attempts.push(job.attempt);
        await db
          .insertInto("effects")
          .values({ job: job.id, note: `try ${job.attempt}` })
          .execute();
        await jobs.enqueue("child", job.attempt);
        if (job.attempt < 3) throw new Error("not yet");
      },
    },
    child: {
      run: async (job, { db }) => {
        await db
          .insertInto("effects")
          .values({ job: job.id, note: `child of try ${job.payload}` })
          .execute();
      },
    },
  });
  const worker = system.worker(definitions);
  await system.jobs(definitions).enqueue("flaky", null);
  await until("the jobs to be done", async () => (await system.effects()).length >= 2);
  await until("them to be gone", async () => (await system.count(JOBS)) === 0);
  expect(attempts).toEqual([1, 2, 3]);
  expect((await system.effects()).map(({ note }) => note)).toEqual(["try 3", "child of try 3"]);
  expect(worker.stats()).toMatchObject({ ready: true, completed: 2, failed: 2, dead: 0 });
});

test("a job whose effect is already applied is only written as done", async () => {
  await using system = await startJobsTest(postgres);
  const definitions = system.define({
    job: {
      run: async (job, { db }) => {
        await db.insertInto("effects").values({ job: job.id, note: "again" }).execute();
      },
    },
  });
  const id = await system.jobs(definitions).enqueue("job", null);
  await system.pool.query("insert into ninefold.inbox (job_id) values ($1)", [id]);
  const worker = system.worker(definitions);
  await until("it to be gone", async () => (await system.count(JOBS)) === 0);
  expect(await system.effects()).toEqual([]);
  expect(worker.stats()).toMatchObject({ failed: 0 });
});

test("an effect whose transaction had failed is never taken for done, though the handler hid the error", async () => {
  await using system = await startJobsTest(postgres);
  const definitions = system.define({
    careless: {
      attempts: 1,
      run: async (job, { db }) => {
        await db.insertInto("effects").values({ job: job.id, note: "lost" }).execute();
        await db
          .selectFrom("nowhere" as "effects")
          .selectAll()
          .execute()
          .catch(() => {});
      },
    },
  });
  system.worker(definitions);
  await system.jobs(definitions).enqueue("careless", null);
  await until("it to be a dead letter", async () => (await listDeadLetters(system.db)).length === 1);
  expect(await system.effects()).toEqual([]);
});

test("the wait before a retry is the jittered backoff, not the library's", async () => {
  await using system = await startJobsTest(postgres);
  const definitions = system.define({
    failing: {
      backoff: { initialMs: 60_000, maxMs: 90_000 },
      run: async () => {
        throw new Error("no\0 luck \ud800");
      },
    },
  });
  system.worker(definitions, 8);
  await system.jobs(definitions).enqueueMany(
    "failing",
    Array.from({ length: 60 }, (_, i) => i),
  );
  await until(
    "all to fail",
    async () => (await system.count(`${JOBS} where last_error is not null and locked_by is null`)) === 60,
  );
  const { rows } = await system.pool.query(
    `select extract(epoch from run_at - now())::float8 as wait, last_error from ${JOBS} order by 1`,
  );
  const waits = rows.map(({ wait }) => wait);
  expect(waits[59]).toBeLessThanOrEqual(60);
  expect(waits.filter((wait) => wait < 20).length).toBeGreaterThan(5);
  expect(waits.filter((wait) => wait > 35).length).toBeGreaterThan(5);
  expect(rows[0].last_error).toMatch(/^Error: no luck/);
});

test("dead letters are listed, replayed and discarded", async () => {
  await using system = await startJobsTest(postgres);
  let broken = true;
  const definitions = system.define({
    letter: {
      attempts: 2,
      backoff: { initialMs: 0, maxMs: 0 },
      run: async (job, { db }) => {
        if (broken) throw new Error(`broken ${job.payload}`);
        await db.insertInto("effects").values({ job: job.id, note: "sent" }).execute();
      },
    },
    other: {
      attempts: 1,
      run: async () => {
        throw new Error("other");
      },
    },
  });
  const jobs = system.jobs(definitions);
  system.worker(definitions);
  const [first, second] = await jobs.enqueueMany("letter", ["a", "b"], { orderKey: "k" });
  const third = await jobs.enqueue("other", "c");
  await until("all to be dead", async () => (await listDeadLetters(system.db)).length === 3);
  expect(await listDeadLetters(system.db, { name: "letter", limit: 1 })).toMatchObject([
    { id: first, name: "letter", payload: "a", orderKey: "k", attempts: 2, error: expect.stringContaining("broken a") },
  ]);
  expect(await listDeadLetters(system.db, { after: second! })).toMatchObject([{ id: third, orderKey: null }]);

  broken = false;
  expect(await replayDeadLetters(system.db, [first!, "999999"])).toEqual([first]);
  await until("the replayed one to be done", async () => (await system.effects()).length === 1);
  expect(await system.effects()).toEqual([{ job: first, note: "sent" }]);
  expect(await discardDeadLetters(system.db, [second!, third])).toEqual([second, third]);
  await until("nothing to be left", async () => (await system.count(JOBS)) === 0);
  expect(await replayDeadLetters(system.db, [second!])).toEqual([]);
});
