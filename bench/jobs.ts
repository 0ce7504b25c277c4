// How many jobs a second our worker does beside the bare library with its fastest settings, on the same PostgreSQL,
// in alternate runs: `node --conditions=ninefold-source bench/jobs.ts [--jobs 50000] [--runs 5]`.
import { parseArgs } from "node:util";
import { Logger, runTaskList } from "graphile-worker";
import { Pool } from "pg";
import pino from "pino";
import { startTestPostgres } from "../src/engines/postgres/testing.ts";
import { lazyTransaction, openDatabase } from "../src/runtime/data/index.ts";
import { createJobs, installJobs, knownJobs, startWorker } from "../src/runtime/jobs/index.ts";

interface Effects {
  effects: { job: string };
}

const { values } = parseArgs({ options: { jobs: { type: "string" }, runs: { type: "string" } } });
const count = Number(values.jobs ?? 50_000);
const runs = Number(values.runs ?? 5);
const concurrency = 24;

await using postgres = await startTestPostgres({ roles: true });
const at = { host: postgres.host, port: postgres.port, database: postgres.database };
const connection = { ...at, ...postgres.service };
await installJobs({ ownerConnection: { ...at, ...postgres.owner }, serviceRole: postgres.service.user });
const owner = new Pool({ ...at, ...postgres.owner, max: 1 });
await owner.query("create table effects (job text)");
const database = openDatabase<Effects>({
  endpoints: { version: 1, epoch: 1, deployment: "bench", clusters: { main: { primary: at, standbys: [] } } },
  credentials: postgres.service,
  connections: concurrency,
  holdMs: 5_000,
});

let left = 0;
let began = 0;
let done = Promise.withResolvers<void>();
const tick = () => {
  if (began === 0) began = performance.now();
  left -= 1;
  if (left === 0) done.resolve();
};
const definitions = {
  noop: { run: async () => tick() },
  effect: {
    run: async (job: { id: string }, { db }: { db: typeof database.db }) => {
      await db.insertInto("effects").values({ job: job.id }).execute();
      tick();
    },
  },
};
const jobs = createJobs({ db: database.db, jobs: knownJobs(definitions) });

/** Fills the queue, starts a worker, and gives jobs a second from the first job's end to the last one's. */
async function measure(name: string, jobCount: number, start: () => () => Promise<void>): Promise<number> {
  for (let i = 0; i < jobCount; i += 5_000) {
    await jobs.enqueueMany(
      name,
      Array.from({ length: Math.min(5_000, jobCount - i) }, (_, n) => i + n),
    );
  }
  await owner.query("vacuum analyze graphile_worker._private_jobs");
  left = jobCount;
  done = Promise.withResolvers();
  began = 0;
  const stop = start();
  await done.promise;
  const rate = jobCount / ((performance.now() - began) / 1_000);
  await stop();
  return rate;
}

const ours = () => {
  const worker = startWorker<Effects>({
    jobs: definitions,
    transaction: (prologue) => lazyTransaction(database, { prologue }),
    connection: () => connection,
    afterFence: async () => false,
    instance: "dc1.worker.1@1",
    concurrency,
    log: pino({ level: "silent" }),
    folder: "/",
  });
  return () => worker.drain(10_000);
};

const bare = () => {
  const pool = new Pool({ ...connection, max: 4 });
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
  const preset = { worker: { concurrentJobs: concurrency, localQueue: { size: 500 }, completeJobBatchDelay: 0 } };
  const logger = new Logger(() => () => {});
  const worker = runTaskList({ noHandleSignals: true, logger, preset }, { noop: tick }, pool);
  return async () => {
    await worker.gracefulShutdown();
    await pool.end();
  };
};

const rates = { ours: [] as number[], bare: [] as number[], effects: [] as number[] };
for (let run = 0; run <= runs; run++) {
  const pair = [await measure("noop", count, ours), await measure("noop", count, bare)] as const;
  const effects = await measure("effect", Math.ceil(count / 10), ours);
  if (run === 0) continue; // the first of each warms up
  rates.ours.push(pair[0]);
  rates.bare.push(pair[1]);
  rates.effects.push(effects);
}

const summary = (list: number[]) => {
  const sorted = list.toSorted((a, b) => a - b).map(Math.round);
  return { median: sorted[Math.floor(sorted.length / 2)] ?? 0, least: sorted[0], most: sorted.at(-1) };
};
console.table({
  "ours, no database": summary(rates.ours),
  "bare library": summary(rates.bare),
  "ours, one insert each": summary(rates.effects),
});
console.log(`ours / bare: ${(summary(rates.ours).median / summary(rates.bare).median).toFixed(2)}`);
await database.close();
await owner.end();
