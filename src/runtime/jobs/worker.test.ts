import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestPostgres, type TestPostgres } from "../../engines/postgres/testing.ts";
import { SERVICE_ROLE } from "../../topology/roles.ts";
import { installJobs } from "./install.ts";
import { startJobsTest, until } from "./testing.ts";

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startTestPostgres({ roles: true, fsync: false });
});
afterAll(() => postgres[Symbol.asyncDispose]());

const JOBS = "graphile_worker._private_jobs";
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test("a new job is picked up in under 100 ms, as a rule", async () => {
  await using system = await startJobsTest(postgres);
  const waits: number[] = [];
  const definitions = system.define({
    ping: { run: async (job) => void waits.push(Date.now() - Number(job.payload)) },
  });
  const jobs = system.jobs(definitions);
  const worker = system.worker(definitions);
  await until("the worker", () => worker.stats().ready);
  for (let i = 0; i < 21; i++) {
    await jobs.enqueue("ping", Date.now());
    await until("the job", () => waits.length > i);
  }
  expect(waits.sort((a, b) => a - b)[10]).toBeLessThan(100);
});

test("a job's own limit and the worker's limit both hold, and a limited job takes no place of others", async () => {
  await using system = await startJobsTest(postgres);
  const now = { limited: 0, free: 0 };
  const most = { limited: 0, free: 0, all: 0 };
  const run = (kind: "limited" | "free") => async () => {
    now[kind] += 1;
    most[kind] = Math.max(most[kind], now[kind]);
    most.all = Math.max(most.all, now.limited + now.free);
    await pause(5);
    now[kind] -= 1;
  };
  const definitions = system.define({ limited: { concurrency: 2, run: run("limited") }, free: { run: run("free") } });
  const jobs = system.jobs(definitions);
  await jobs.enqueueMany(
    "limited",
    Array.from({ length: 60 }, (_, i) => i),
  );
  await jobs.enqueueMany(
    "free",
    Array.from({ length: 60 }, (_, i) => i),
  );
  system.worker(definitions, 6);
  await until("all to be done", async () => (await system.count(JOBS)) === 0);
  expect(most.limited).toBe(2);
  expect(most.all).toBe(6);
  expect(most.free).toBeGreaterThanOrEqual(4);
});

test("a scheduled job runs once for each tick, however many workers there are", async () => {
  await using system = await startJobsTest(postgres);
  const definitions = system.define({
    tick: {
      schedule: "* * * * *",
      run: async (job, { db }) => {
        await db
          .insertInto("effects")
          .values({ job: job.id, note: JSON.stringify(job.payload) })
          .execute();
      },
    },
  });
  const tick = async () => {
    await system.pool.query(
      `insert into ninefold.schedules values ('tick', now() - interval '3 minutes')
       on conflict (job) do update set last_tick = excluded.last_tick`,
    );
    const workers = Array.from({ length: 4 }, () => system.worker(definitions));
    await until("all workers", () => workers.every((worker) => worker.stats().ready));
    await until("the tick", async () => (await system.count("effects")) > 0);
    await pause(1_500); // more than one renewal of each worker: nothing to wait for, since nothing should happen
    await Promise.all(workers.map((worker) => worker.drain(1_000)));
  };
  const startedIn = new Date().getMinutes();
  await tick();
  const ticks = await system.count("effects");
  // A minute may have turned meanwhile, which is a second tick.
  expect(ticks).toBeLessThanOrEqual(new Date().getMinutes() === startedIn ? 1 : 2);
  expect((await system.effects())[0]?.note).toBe("{}");
});

test("draining waits for what runs, and gives the rest to another worker at once", async () => {
  await using system = await startJobsTest(postgres);
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  const definitions = system.define({
    job: {
      run: async (job, { db }) => {
        log.push(`start ${job.payload}`);
        await db
          .insertInto("effects")
          .values({ job: job.id, note: `${job.payload}` })
          .execute();
        if (job.payload === "short") await pause(200);
        if (job.payload === "long") await gate.promise;
        if (job.signal.aborted) log.push(`aborted ${job.payload}`);
      },
    },
  });
  const jobs = system.jobs(definitions);
  const first = system.worker(definitions, 2);
  await jobs.enqueueMany("job", ["short", "long", "waiting"]);
  await until("two to start", () => log.length === 2);
  await first.drain(400);
  expect(await system.count(`${JOBS} where locked_by is null and attempts = 0`)).toBe(2);
  expect(first.stats().ready).toBe(false);

  gate.resolve();
  await until("the late one to notice", () => log.includes("aborted long"));
  const second = system.worker(definitions, 2);
  await until("the rest to be done", async () => (await system.count(JOBS)) === 0, 5_000);
  expect((await system.effects()).map(({ note }) => note).sort()).toEqual(["long", "short", "waiting"]);
  expect(second.stats().completed).toBe(2);
});

test("draining with jobs fetched but not begun still waits for what runs, and gives those back at once", async () => {
  await using system = await startJobsTest(postgres);
  let started = 0;
  const gate = Promise.withResolvers<void>();
  const definitions = system.define({
    job: {
      run: async () => {
        started += 1;
        if (started > 200) await gate.promise;
      },
    },
  });
  const worker = system.worker(definitions, 2);
  await system.jobs(definitions).enqueueMany(
    "job",
    Array.from({ length: 3_000 }, (_, i) => i),
  );
  await until("two to wait", () => started === 202);
  const held = () => system.count(`${JOBS} where locked_by is not null`);
  expect(await held()).toBeGreaterThan(2);
  const drained = worker.drain(30_000);
  await until("the others to be given back", async () => (await held()) === 2);
  gate.resolve();
  await drained;
  expect(worker.stats().completed).toBe(202);
  expect(await system.count(`${JOBS} where locked_by is null and attempts = 0`)).toBe(3_000 - 202);
});

test("installing again and at the same time changes nothing, and a stranger's role sees nothing", async () => {
  await using system = await startJobsTest(postgres);
  const install = () => installJobs({ ownerConnection: system.owner, serviceRole: SERVICE_ROLE });
  await Promise.all([install(), install(), install()]);
  const definitions = system.define({ job: { run: async () => {} } });
  const id = await system.jobs(definitions).enqueue("job", 1);
  await install();
  expect(await system.count(`${JOBS} where id = ${id}`)).toBe(1);
  const { rows } = await system.pool.query(
    `select pg_get_userbyid(relowner) as owner from pg_class where relname !~ '^(fence|outcomes)'
      and relnamespace in ('ninefold'::regnamespace, 'graphile_worker'::regnamespace)`,
  );
  expect(new Set(rows.map(({ owner }) => owner))).toEqual(new Set([postgres.owner.user]));
  for (const forbidden of [
    "drop table ninefold.inbox",
    `alter table ${JOBS} disable row level security`,
    "create table ninefold.mine ()",
  ]) {
    await expect(system.pool.query(forbidden)).rejects.toThrow(/permission denied|must be owner/);
  }
});
