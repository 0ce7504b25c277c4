import type { Kysely } from "kysely";
import { type ClientConfig, Pool } from "pg";
import pino from "pino";
import type { TestPostgres } from "../../engines/postgres/testing.ts";
import { SERVICE_ROLE } from "../../topology/roles.ts";
import { type Database, lazyTransaction, openDatabase } from "../data/index.ts";
import { ownConnections } from "./connections.ts";
import { type JobDefinitions, knownJobs } from "./definition.ts";
import { createJobs } from "./enqueue.ts";
import { installJobs } from "./install.ts";
import type { Jobs } from "./job.ts";
import { type JobWorker, startWorker } from "./worker.ts";

/** One row for each time that a job's effect was applied. */
export interface Effects {
  effects: { job: string; note: string };
}

export interface TestConnection {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
}

/** The service's database and a worker on it, as the service's role. */
export function openEffects(connection: TestConnection, connections: number): Database<Effects> {
  const { host, port, database, user, password } = connection;
  const clusters = { main: { primary: { host, port, database }, standbys: [] } };
  const endpoints = { version: 1, epoch: 1, deployment: "test", clusters } as const;
  return openDatabase<Effects>({ endpoints, credentials: { user, password }, connections, holdMs: 10_000 });
}

export function startTestWorker(
  database: Database<Effects>,
  connection: () => ClientConfig,
  jobs: JobDefinitions<Effects>,
  concurrency: number,
): JobWorker {
  return startWorker({
    jobs,
    transaction: (prologue) => lazyTransaction(database, { prologue }),
    connection: () => connection(),
    afterFence: (error, at) => database.afterFence(error, at as TestConnection),
    instance: "dc1.worker.1@1",
    concurrency,
    log: pino({ level: process.env.JOBS_LOG ?? "silent" }, pino.destination(2)),
    folder: "/",
  });
}

/** A database of its own with jobs installed, and an `effects` table. */
export interface JobsTest extends AsyncDisposable {
  /** Signs in as the service's role. */
  readonly connection: TestConnection;
  readonly owner: TestConnection;
  readonly db: Kysely<Effects>;
  /** What looks at, and disturbs, the tables behind the worker's back. */
  readonly pool: Pool;
  /** Gives definitions their types. */
  define(definitions: JobDefinitions<Effects>): JobDefinitions<Effects>;
  jobs(definitions: JobDefinitions<Effects>): Jobs<Effects>;
  worker(definitions: JobDefinitions<Effects>, concurrency?: number): JobWorker;
  /** Applied effects, in the order in which they were applied. */
  effects(): Promise<Array<{ job: string; note: string }>>;
  /** Rows of a table, with conditions: what may follow `from`. */
  count(from: string): Promise<number>;
}

export async function startJobsTest(postgres: TestPostgres): Promise<JobsTest> {
  const { database: name } = await postgres.createDatabase();
  const at = { host: postgres.host, port: postgres.port, database: name };
  const connection = { ...at, ...postgres.service };
  const owner = { ...at, ...postgres.owner };
  await installJobs({ ownerConnection: owner, serviceRole: SERVICE_ROLE });
  const ownerPool = new Pool(owner);
  await ownerPool.query("create table effects (place bigint generated always as identity, job text, note text)");
  await ownerPool.end();
  const pool = ownConnections(new Pool({ ...connection, max: 4 }));
  const database = openEffects(connection, 30);
  const workers: JobWorker[] = [];
  return {
    connection,
    owner,
    db: database.db,
    pool,
    define: (definitions) => definitions,
    jobs: (definitions) => createJobs({ db: database.db, jobs: knownJobs(definitions) }),
    worker: (definitions, concurrency = 4) => {
      const worker = startTestWorker(database, () => connection, definitions, concurrency);
      workers.push(worker);
      return worker;
    },
    effects: async () => (await pool.query("select job, note from effects order by place")).rows,
    count: async (from) => Number((await pool.query(`select count(*) as n from ${from}`)).rows[0].n),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(workers.map((worker) => worker.drain(0)));
      await database.close();
      await pool.end();
    },
  };
}

/** Waits until `holds` gives true. @throws when it does not within the time */
export async function until(what: string, holds: () => boolean | Promise<boolean>, withinMs = 30_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited ${withinMs} ms for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
