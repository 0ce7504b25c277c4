import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestPostgres, type TestPostgres } from "../../engines/postgres/testing.ts";
import { startJobsTest, until } from "./testing.ts";

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startTestPostgres({ roles: true, fsync: false });
});
afterAll(() => postgres[Symbol.asyncDispose]());

const idle = { mail: { run: async () => {} }, other: { run: async () => {} } };
const WAITING = "graphile_worker._private_jobs";

test("a job exists if and only if its transaction commits", async () => {
  await using system = await startJobsTest(postgres);
  const jobs = system.jobs(idle);
  const rolledBack = system.db.transaction().execute(async (trx) => {
    await jobs.enqueue("mail", { to: 1 }, { trx });
    throw new Error("changed my mind");
  });
  await expect(rolledBack).rejects.toThrow("changed my mind");
  expect(await system.count(WAITING)).toBe(0);

  await system.db.transaction().execute(async (trx) => {
    await jobs.enqueue("mail", { to: 1 }, { trx });
    expect(await system.count(WAITING)).toBe(0);
  });
  expect(await system.count(WAITING)).toBe(1);
});

test("enqueueing notifies nobody, so commits do not wait for each other", async () => {
  await using system = await startJobsTest(postgres);
  const client = await system.pool.connect();
  let notified = 0;
  client.on("notification", () => {
    notified += 1;
  });
  await client.query('listen "jobs:insert"');
  await system.jobs(idle).enqueue("mail", 1);
  await client.query("select graphile_worker.add_job('mail')");
  await until("the library's own notification", () => notified > 0);
  expect(notified).toBe(1);
  client.release(true);
});

test("many jobs are one statement, in order, with an id each", async () => {
  await using system = await startJobsTest(postgres);
  const jobs = system.jobs(idle);
  const ids = await jobs.enqueueMany("mail", [1, "two", { three: [3] }], { priority: -5 });
  expect(await jobs.enqueueMany("mail", [])).toEqual([]);
  const { rows } = await system.pool.query(
    `select id::text, payload, priority, max_attempts from ${WAITING} order by run_at`,
  );
  expect(rows.map(({ id }) => id)).toEqual(ids);
  expect(rows.map(({ payload }) => payload.payload)).toEqual([1, "two", { three: [3] }]);
  expect(rows[0]).toMatchObject({ priority: -5, max_attempts: 10 });
});

test("equal jobs enqueued at the same moment are jobs of their own", async () => {
  await using system = await startJobsTest(postgres);
  const jobs = system.jobs(idle);
  const ids = await Promise.all(Array.from({ length: 20 }, () => jobs.enqueue("mail", "same")));
  expect(new Set(ids).size).toBe(20);
});

test("delays and dates set the earliest start", async () => {
  await using system = await startJobsTest(postgres);
  const jobs = system.jobs(idle);
  const runAt = new Date("2030-01-02T03:04:05.678Z");
  await jobs.enqueue("mail", 1, { delayMs: 3_600_000 });
  await jobs.enqueue("mail", 2, { runAt });
  const { rows } = await system.pool.query(
    `select extract(epoch from run_at - now())::float8 as wait, run_at from ${WAITING} order by id`,
  );
  expect(rows[0].wait).toBeGreaterThan(3_590);
  expect(rows[0].wait).toBeLessThan(3_601);
  expect(Math.abs(rows[1].run_at - runAt.getTime())).toBeLessThanOrEqual(1);
});

test("a dedupe key replaces the waiting job, and never one of another name", async () => {
  await using system = await startJobsTest(postgres);
  const jobs = system.jobs(idle);
  const first = await jobs.enqueue("mail", "old", { dedupeKey: "k" });
  expect(await jobs.enqueue("mail", "new", { dedupeKey: "k" })).toBe(first);
  await jobs.enqueue("other", "apart", { dedupeKey: "k" });
  const { rows } = await system.pool.query(`select payload->>'payload' as payload from ${WAITING} order by id`);
  expect(rows.map(({ payload }) => payload)).toEqual(["new", "apart"]);
});

test("a dedupe key does not touch a job that has started", async () => {
  await using system = await startJobsTest(postgres);
  const gate = Promise.withResolvers<void>();
  const seen: unknown[] = [];
  const definitions = {
    mail: {
      run: async (job: { payload: unknown }) => {
        seen.push(job.payload);
        await gate.promise;
      },
    },
  };
  const jobs = system.jobs(definitions);
  system.worker(definitions);
  await jobs.enqueue("mail", "first", { dedupeKey: "k" });
  await until("the first to start", () => seen.length === 1);
  await Promise.all(
    ["second", "third", "fourth"].map((p) => jobs.enqueue("mail", p, { dedupeKey: "k", delayMs: 300 })),
  );
  expect(await system.count(WAITING)).toBe(2);
  gate.resolve();
  await until("both to be done", async () => (await system.count(WAITING)) === 0);
  expect(seen).toHaveLength(2);
});

test("what cannot be a job is refused before anything is written", async () => {
  await using system = await startJobsTest(postgres);
  const jobs = system.jobs(idle);
  const refused = async (error: object, name: string, payload: unknown, options = {}) =>
    expect(jobs.enqueue(name, payload, options)).rejects.toThrow(expect.objectContaining(error));
  await refused({ code: "unknown-job", message: expect.stringContaining("mail, other") }, "mial", 1);
  await refused({ code: "bad-job-payload", at: "payload.when" }, "mail", { when: new Date() });
  const bad = { code: "bad-job-options" };
  await refused(bad, "mail", 1, { priority: 40_000 });
  await refused(bad, "mail", 1, { delayMs: 1, runAt: new Date() });
  await refused(bad, "mail", 1, { runAt: new Date("x") });
  await refused(bad, "mail", 1, { delayMs: -1 });
  await refused(bad, "mail", 1, { orderKey: "x".repeat(129) });
  const many = jobs.enqueueMany("mail", [1, { a: [2n] }]);
  await expect(many).rejects.toThrow(expect.objectContaining({ at: "payloads[1].a[0]" }));
  await expect(jobs.enqueueMany("mail", [1, 2], { dedupeKey: "k" })).rejects.toThrow(expect.objectContaining(bad));
  expect(await system.count(WAITING)).toBe(0);
});
