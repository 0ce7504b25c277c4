import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestPostgres, type TestPostgres } from "../../engines/postgres/testing.ts";
import { startJobsTest, until } from "./testing.ts";

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startTestPostgres({ roles: true, fsync: false });
});
afterAll(() => postgres[Symbol.asyncDispose]());

const JOBS = "graphile_worker._private_jobs";
const KEYS = ["a", "b", "c", "d"];

test("jobs of a key run one at a time in the order they were enqueued, over two workers of 24", async () => {
  await using system = await startJobsTest(postgres);
  const seen: Record<string, number[]> = {};
  const running = new Map<string, number>();
  let overlaps = 0;
  const definitions = system.define({
    keyed: {
      backoff: { initialMs: 20 },
      run: async (job) => {
        const { key, place } = job.payload as { key: string; place: number };
        running.set(key, (running.get(key) ?? 0) + 1);
        if (running.get(key) !== 1) overlaps += 1;
        await new Promise((resolve) => setTimeout(resolve, 1 + ((place * 7) % 5)));
        running.set(key, (running.get(key) ?? 0) - 1);
        // While it waits for its next try, no later job of its key may run.
        if (place % 10 === 3 && job.attempt === 1) throw new Error("the first try fails");
        seen[key] = [...(seen[key] ?? []), place];
      },
    },
    free: { run: async () => {} },
  });
  const jobs = system.jobs(definitions);
  system.worker(definitions, 24);
  system.worker(definitions, 24);
  const each = 25;
  for (let place = 0; place < each; place += 5) {
    await Promise.all(
      KEYS.map((orderKey) => {
        const places = Array.from({ length: 5 }, (_, i) => ({ key: orderKey, place: place + i }));
        return jobs.enqueueMany("keyed", places, { orderKey });
      }),
    );
    await jobs.enqueueMany("free", [1, 2, 3]);
  }
  await until("all to be done", async () => (await system.count(JOBS)) === 0, 50_000);
  expect(overlaps).toBe(0);
  for (const key of KEYS) expect(seen[key]).toEqual(Array.from({ length: each }, (_, i) => i));
});

test("a job waiting for its retry holds back its own key and nothing else, and a dead letter lets its key go", async () => {
  await using system = await startJobsTest(postgres);
  const ran: string[] = [];
  const definitions = system.define({
    keyed: {
      attempts: 2,
      backoff: { initialMs: 60_000, maxMs: 60_000 },
      run: async (job) => {
        ran.push(`${job.payload}`);
        if (job.payload === "stuck") throw new Error("stuck");
      },
    },
  });
  const jobs = system.jobs(definitions);
  system.worker(definitions);
  await jobs.enqueueMany("keyed", ["stuck", "behind"], { orderKey: "k" });
  await until("the first to fail", async () => (await system.count(`${JOBS} where last_error is not null`)) === 1);
  await jobs.enqueue("keyed", "elsewhere", { orderKey: "other" });
  await jobs.enqueue("keyed", "free");
  await until("the others to run", () => ran.length === 3);
  expect(ran).not.toContain("behind");

  await system.pool.query(
    "update graphile_worker._private_job_queues set locked_at = now() where locked_by is not null",
  );
  await until("the one behind to run", () => ran.includes("behind"));
  expect(ran.slice(3)).toEqual(["stuck", "behind"]);
});

test("keys that no job uses are swept, and one that an open transaction is about to use is not", async () => {
  await using system = await startJobsTest(postgres);
  const definitions = system.define({ keyed: { run: async () => {} } });
  const jobs = system.jobs(definitions);
  await Promise.all(["x", "y"].map((orderKey) => jobs.enqueue("keyed", 1, { orderKey })));
  await system.pool.query(`delete from ${JOBS}`);
  await system.db.transaction().execute(async (trx) => {
    await jobs.enqueue("keyed", 1, { orderKey: "x", trx });
    await system.pool.query("select ninefold.sweep()");
  });
  const keys = await system.pool.query("select queue_name as key from graphile_worker._private_job_queues");
  expect(keys.rows).toEqual([{ key: "x" }]);
  system.worker(definitions);
  await until("it to run", async () => (await system.count(JOBS)) === 0);
});

test("lower priority numbers run first", async () => {
  await using system = await startJobsTest(postgres);
  const ran: unknown[] = [];
  const definitions = system.define({ job: { run: async (job) => void ran.push(job.payload) } });
  const jobs = system.jobs(definitions);
  await jobs.enqueue("job", "last", { priority: 5 });
  await jobs.enqueue("job", "middle");
  await jobs.enqueue("job", "first", { priority: -5 });
  system.worker(definitions, 1);
  await until("all to run", () => ran.length === 3);
  expect(ran).toEqual(["first", "middle", "last"]);
});
