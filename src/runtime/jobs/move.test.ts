import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { TestPostgres } from "../../engines/postgres/testing.ts";
import { SERVICE_ROLE } from "../../topology/roles.ts";
import { endpointsTo } from "../data/testing.ts";
import { type Mover, type MoveServers, startMoveServers } from "../data/testing-fence.ts";
import { type JobDefinitions, knownJobs } from "./definition.ts";
import { createJobs } from "./enqueue.ts";
import { installJobs } from "./install.ts";
import { type Effects, openEffects, startTestWorker, until } from "./testing.ts";

let servers: MoveServers;
let source: TestPostgres;
let target: TestPostgres;
let from: Mover;
let to: Mover;
const at = ({ host, port, database }: TestPostgres) => ({ host, port, database, ...source.service });

beforeAll(async () => {
  servers = await startMoveServers();
  ({ source, target, from, to } = servers);
  for (const server of [source, target]) {
    const { host, port, database, owner } = server;
    await installJobs({ ownerConnection: { host, port, database, ...owner }, serviceRole: SERVICE_ROLE });
  }
  for (const mover of [from, to]) {
    await mover.run(
      `set role ninefold_owner; create table effects (place bigint generated always as identity, job text, note text); reset role`,
    );
  }
}, 60_000);
beforeEach(async () => {
  for (const mover of [from, to]) {
    await mover.unfence();
    // A move leaves the jobs of its moment at the old place, and a worker of another test would run them.
    await mover.run("truncate graphile_worker._private_jobs, ninefold.workers, ninefold.inbox, effects");
  }
});
afterAll(async () => {
  await servers[Symbol.asyncDispose]();
});

const left = async (mover: Mover) =>
  (await mover.rows<{ n: number }>("select count(*)::int as n from graphile_worker._private_jobs"))[0]?.n;

function system() {
  let place = at(source);
  const database = openEffects(place, 12);
  const ran = new Map<string, number>();
  let finish = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const definitions: JobDefinitions<Effects> = {
    effect: {
      run: async (job, { db }) => {
        await db.selectFrom("effects").select("job").limit(1).execute();
        await db.insertInto("effects").values({ job: job.id, note: "x" }).execute();
      },
    },
    plain: {
      run: async (job) => {
        ran.set(job.id, (ran.get(job.id) ?? 0) + 1);
        await delay(2);
      },
    },
    slow: {
      run: async (job) => {
        ran.set(job.id, (ran.get(job.id) ?? 0) + 1);
        await finished;
      },
    },
  };
  return {
    ran,
    finish,
    jobs: createJobs({ db: database.db, jobs: knownJobs(definitions) }),
    worker: startTestWorker(database, () => place, definitions, 8),
    move() {
      place = at(target);
      database.setEndpoints({ ...endpointsTo(target), epoch: 2 });
    },
    close: () => database.close(),
  };
}

test("jobs wait while their database moves and go on there: none is lost, none runs twice, none pays a try", async () => {
  const { jobs, worker, ran, finish, move, close } = system();
  const payloads = Array.from({ length: 400 }, (_, i) => i);
  const slow = await jobs.enqueue("slow", {});
  const effects = await jobs.enqueueMany("effect", payloads);
  const plain = await jobs.enqueueMany("plain", payloads);
  await until("some effects", async () => (await from.rows("select from effects")).length > 20);
  await until("the slow job to run", () => ran.has(slow));
  await from.fence();
  const atFence = await left(from);
  expect(atFence).toBeGreaterThan(100);
  await from.copyTo(to);
  const late = jobs.enqueueMany("effect", payloads); // a request that comes during the move
  finish();
  await delay(300); // a slow control plane
  await from.fenceReads();
  move();

  const all = [...effects, ...(await late)];
  await until("all jobs to be done", async () => (await left(to)) === 0);
  const applied = (await to.rows<{ job: string }>("select job from effects")).map(({ job }) => job);
  expect(applied.toSorted()).toEqual(all.toSorted());
  expect([...ran.entries()].toSorted()).toEqual([slow, ...plain].map((id) => [id, 1] as const).toSorted());
  expect(worker.stats()).toMatchObject({ ready: true, failed: 0, dead: 0, running: 0 });
  expect(await left(from)).toBe(atFence);
  expect(await to.rows("select from ninefold.workers")).toHaveLength(1);
  await worker.drain(1_000);
  expect(await to.rows("select from ninefold.workers")).toEqual([]);
  await close();
});

test("a worker that is asked to end while its database moves ends in time", async () => {
  const { jobs, worker, close } = system();
  await jobs.enqueue("plain", {});
  await until("the worker to be ready", () => worker.stats().completed === 1);
  await from.fence();
  const began = performance.now();
  await worker.drain(500);
  expect(performance.now() - began).toBeLessThan(8_000);
  await close();
});
