import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { startTestPostgres, type TestPostgres } from "../../engines/postgres/testing.ts";
import { listDeadLetters } from "./dead-letters.ts";
import { type JobsTest, startJobsTest, until } from "./testing.ts";

let postgres: TestPostgres;
const children = new Set<ChildProcess>();
beforeAll(async () => {
  postgres = await startTestPostgres({ roles: true, fsync: false });
});
afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
  children.clear();
});
afterAll(() => postgres[Symbol.asyncDispose]());

const noRun = { effect: { run: async () => {} }, held: { run: async () => {} }, slow: { run: async () => {} } };
const definitions = { ...noRun, poison: { run: async () => {}, attempts: 2 } };
const JOBS = "graphile_worker._private_jobs";

function startChild(system: JobsTest): ChildProcess {
  const script = fileURLToPath(new URL("testing-worker.ts", import.meta.url));
  const child = spawn(process.execPath, ["--conditions=ninefold-source", script, JSON.stringify(system.connection)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.add(child);
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

/** Waits for a line that the child prints. Goes on reading after it, since a closed pipe would end the child. */
async function says(child: ChildProcess, text: string): Promise<void> {
  let said = "";
  child.stdout?.on("data", (chunk) => {
    said += chunk;
  });
  await until(`the worker to say "${text}"`, () => said.includes(text));
}

const appliedTwice = (system: JobsTest) => system.count("(select job from effects group by job having count(*) > 1) t");

test("a worker killed at any moment leaves every effect applied exactly once", async () => {
  await using system = await startJobsTest(postgres);
  const jobs = system.jobs(definitions);
  const all = 1_500;
  await jobs.enqueueMany(
    "effect",
    Array.from({ length: all }, (_, i) => i),
  );
  // Each worker dies at another moment of the 8 runs it has in hand. Its lease is made to look old: waiting for that is another test.
  for (let round = 0; round < 6; round++) {
    const workers = [startChild(system), startChild(system)];
    for (const [i, worker] of workers.entries()) {
      const enough = Math.min((await system.count("effects")) + 50 + 13 * (2 * round + i), all);
      await until("some effects", async () => (await system.count("effects")) >= enough);
      await kill(worker);
    }
    await system.pool.query("update ninefold.workers set renewed_at = renewed_at - interval '1 hour'");
  }
  startChild(system);
  await until("all jobs to be done", async () => (await system.count(JOBS)) === 0, 60_000);
  expect(await system.count("effects")).toBe(all);
  expect(await appliedTwice(system)).toBe(0);
}, 180_000);

test("a killed worker's jobs, running and fetched, run again within 10 s", async () => {
  await using system = await startJobsTest(postgres);
  const jobs = system.jobs(definitions);
  const child = startChild(system);
  await jobs.enqueueMany("slow", [1, 2, 3, 4, 5, 6, 7, 8]);
  await says(child, "running");
  await until("all places to be taken", async () => (await system.count(`${JOBS} where locked_by is not null`)) >= 8);
  const done: string[] = [];
  const run = async ({ id }: { id: string }) => void done.push(id);
  const killed = Date.now();
  await kill(child);
  system.worker({ slow: { run } });
  await until("the jobs to run again", () => done.length >= 8, 10_000);
  expect(Date.now() - killed).toBeLessThan(10_000);
  await until("them to be written as done", async () => (await system.count(JOBS)) === 0);
}, 60_000);

test("a paused worker that lost its lease applies nothing when it goes on", async () => {
  await using system = await startJobsTest(postgres);
  const jobs = system.jobs(definitions);
  const zombie = startChild(system);
  const id = await jobs.enqueue("held", 1);
  await says(zombie, "holding");
  zombie.kill("SIGSTOP");
  system.worker({
    held: {
      run: async (job, { db }) => {
        await db.insertInto("effects").values({ job: job.id, note: "successor" }).execute();
      },
    },
  });
  await until("the job to be done elsewhere", async () => (await system.count(JOBS)) === 0, 12_000);
  // The inbox row may be swept by now: what refuses the zombie is that it no longer holds the job.
  await system.pool.query("select ninefold.sweep()");
  zombie.kill("SIGCONT");
  zombie.kill("SIGUSR2");
  await until("the zombie to begin anew", async () => (await system.count("ninefold.workers")) === 2);
  await jobs.enqueueMany("effect", [1, 2, 3]);
  await until("it to work again", async () => (await system.count("effects")) === 4);
  expect((await system.effects()).filter(({ job }) => job === id)).toEqual([{ job: id, note: "successor" }]);
}, 60_000);

test("a job that kills its worker each time becomes a dead letter, and its neighbours do not", async () => {
  await using system = await startJobsTest(postgres);
  const jobs = system.jobs(definitions);
  const poison = await jobs.enqueue("poison", 1, { priority: -1 });
  await jobs.enqueueMany(
    "slow",
    Array.from({ length: 30 }, (_, i) => i),
  );
  for (let death = 1; death <= 2; death++) {
    await once(startChild(system), "exit");
    await system.pool.query("update ninefold.workers set renewed_at = renewed_at - interval '1 hour'");
  }
  await says(startChild(system), "running");
  // Those that ran beside it each time have used up a try; those that only waited in the worker's memory have not.
  const dead = await listDeadLetters(system.db);
  expect(dead).toMatchObject([{ id: poison, error: expect.stringContaining("died") }]);
  expect(await system.count(`${JOBS} where attempts > 2 and id <> ${poison}`)).toBeLessThanOrEqual(8);
}, 60_000);

test("a worker that is told to stop hands back what it cannot finish, and the try does not count", async () => {
  await using system = await startJobsTest(postgres);
  const jobs = system.jobs(definitions);
  const child = startChild(system);
  await jobs.enqueueMany("slow", [1, 2, 3]);
  await says(child, "running");
  child.kill("SIGTERM");
  const [code] = await once(child, "exit");
  expect(code).toBe(0);
  expect(await system.count(`${JOBS} where locked_by is null and attempts = 0`)).toBe(3);
  expect(await system.count("ninefold.workers")).toBe(0);
}, 60_000);
