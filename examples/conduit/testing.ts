import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { Kysely, PostgresDialect, sql } from "kysely";
import { Pool } from "pg";
import pino from "pino";
import { startTestPostgres } from "../../src/engines/postgres/testing.ts";
import { lazyTransaction, openDatabase } from "../../src/runtime/data/index.ts";
import { createJobs, installJobs, knownJobs, startWorker } from "../../src/runtime/jobs/index.ts";
import { up } from "./migrations/0001_initial.ts";
import type { Database } from "./schema.ts";
import service from "./service.ts";
import { buildApp } from "./src/app.ts";

/** What a test sends. */
export interface Call {
  readonly body?: unknown;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What came back; `body` is parsed if it is JSON. */
export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests assert on what is inside
  readonly body: any;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** Conduit on a PostgreSQL of its own and on Ninefold's own data layer and jobs. */
export interface TestConduit extends AsyncDisposable {
  readonly app: FastifyInstance;
  readonly db: Kysely<Database>;
  /** The service's folder, where e-mails go. */
  readonly folder: string;
  /** Sends a request to `/api<path>`. */
  call(method: "GET" | "POST" | "PUT" | "DELETE" | "HEAD", path: string, call?: Call): Promise<Answer>;
  /** Registers a user of this name and gives the token. */
  register(username: string): Promise<string>;
  /** Publishes an article and gives its slug. */
  publish(token: string, article?: Readonly<Record<string, unknown>>): Promise<string>;
  /** Runs jobs until none is left. */
  runJobs(): Promise<void>;
}

export async function startConduit(): Promise<TestConduit> {
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
  const app = buildApp({ db, jobs, log, folder, secret: (name) => name.padEnd(64, "0") });
  await app.ready();

  const call: TestConduit["call"] = async (method, path, { body, token, headers } = {}) => {
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
    db,
    folder,
    call,
    register: async (username) => {
      const user = { username, email: `${username}@example.com`, password: "password" };
      return (await call("POST", "/users", { body: { user } })).body.user.token;
    },
    publish: async (token, article = {}) => {
      const given = { title: "A title", description: "What it is about", body: "A text", ...article };
      return (await call("POST", "/articles", { token, body: { article: given } })).body.article.slug;
    },
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
      const deadline = Date.now() + 20_000;
      for (let left = 1; left > 0; ) {
        if (Date.now() > deadline) throw new Error(`${left} jobs were left after 20 s`);
        await new Promise((resolve) => setTimeout(resolve, 20));
        const { rows } = await sql<{ left: number }>`
          select count(*)::integer as left from graphile_worker._private_jobs`.execute(db);
        left = rows[0]?.left ?? 0;
      }
      await worker.drain(5_000);
    },
    [Symbol.asyncDispose]: async () => {
      await app.close();
      await database.close();
      await postgres[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}
