import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kysely, PostgresDialect } from "kysely";
import { Pool } from "pg";
import pino from "pino";
import { startTestPostgres } from "../../../src/engines/postgres/testing.ts";
import { lazyTransaction, openDatabase } from "../../../src/runtime/data/index.ts";
import { createJobs, installJobs, knownJobs, startWorker } from "../../../src/runtime/jobs/index.ts";
import { up } from "../migrations/0001_initial.ts";
import type { Database } from "../schema.ts";
import service from "../service.ts";
import { buildApp } from "../src/app.ts";
import { type Send, shortcuts, type TestConduit, untilJobsAreDone } from "./conduit.ts";

/** Conduit in this process, on a PostgreSQL of its own and on Ninefold's own data layer and jobs. */
export async function startOwnConduit(): Promise<TestConduit> {
  const postgres = await startTestPostgres({ fsync: false, roles: true });
  const at = { host: postgres.host, port: postgres.port, database: postgres.database };
  const owner = new Kysely<unknown>({
    dialect: new PostgresDialect({ pool: new Pool({ ...at, ...postgres.owner }) }),
  });
  await up(owner);
  await owner.destroy();
  await installJobs({ ownerConnection: { ...at, ...postgres.owner }, serviceRole: postgres.service.user });

  const folder = await mkdtemp(join(tmpdir(), "conduit-"));
  const log = pino({ level: process.env.CONDUIT_LOG ?? "error" });
  const clusters = { main: { primary: at, standbys: [] } };
  const database = openDatabase<Database>({
    endpoints: { version: 1, epoch: 1, deployment: "test", clusters },
    credentials: postgres.service,
    connections: 5,
    holdMs: 5_000,
  });
  const { db } = database;
  const definitions = service.definition.jobs ?? {};
  const jobs = createJobs({ db, jobs: knownJobs(definitions) });
  const secret = (name: string) => name.padEnd(64, "0");
  const app = buildApp({ db, jobs, log, folder, secret });
  const url = await app.listen({ host: "127.0.0.1", port: 0 });

  const call: Send = async (method, path, { body, token, headers } = {}) => {
    const answer = await app.inject({
      method,
      url: `/api${path}`,
      headers: { ...(token !== undefined && { authorization: `Token ${token}` }), ...headers },
      ...(body !== undefined && { payload: body as object }),
    });
    const json = String(answer.headers["content-type"]).startsWith("application/json");
    return { status: answer.statusCode, body: json ? answer.json() : answer.rawPayload, headers: answer.headers };
  };

  return {
    app,
    url,
    db,
    folder,
    call,
    secret,
    ...shortcuts(call),
    runJobs: async () => {
      const worker = startWorker<Database>({
        jobs: definitions,
        transaction: (prologue) => lazyTransaction(database, { prologue }),
        connection: () => ({ ...at, ...postgres.service }),
        afterFence: async () => false,
        instance: "dc1.worker.1@1",
        concurrency: 4,
        log,
        folder,
      });
      await untilJobsAreDone(db);
      await worker.drain(5_000);
    },
    latestSession: async () => undefined,
    [Symbol.asyncDispose]: async () => {
      await app.close();
      await database.close();
      await postgres[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}
