import type { FastifyInstance } from "fastify";
import { type Kysely, sql } from "kysely";
import type { Database } from "../schema.ts";

/** What a test sends. */
export interface Call {
  /** An object goes as JSON; a text or bytes go as they are. */
  readonly body?: unknown;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** From a client that was never here: what others did it need not see. */
  readonly stranger?: true;
}

/** What came back; `body` is parsed if it is JSON. */
export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests assert on what is inside
  readonly body: any;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** Sends a request to `/api<path>`. */
export type Send = (method: "GET" | "POST" | "PUT" | "DELETE" | "HEAD", path: string, call?: Call) => Promise<Answer>;

/** Conduit, begun with empty tables. */
export interface TestConduit extends AsyncDisposable {
  /** Where it answers HTTP, without a slash at the end. */
  readonly url: string;
  readonly db: Kysely<Database>;
  /** The service's folder, where e-mails go. */
  readonly folder: string;
  /** The app, where app and worker are in this process; else undefined. */
  readonly app: FastifyInstance | undefined;
  readonly call: Send;
  /** A secret of the service, as the service itself asks for it. */
  secret(name: string): string;
  /** Registers a user of this name and gives the token. */
  register(username: string): Promise<string>;
  /** Publishes an article and gives its slug. */
  publish(token: string, article?: Readonly<Record<string, unknown>>): Promise<string>;
  /** Waits until no job is left; where no worker runs, runs them. */
  runJobs(): Promise<void>;
  /** Token of a session that has seen all that was written so far; undefined where every session does. */
  latestSession(): Promise<string | undefined>;
}

/** What tests send most. */
export function shortcuts(call: Send): Pick<TestConduit, "register" | "publish"> {
  return {
    register: async (username) => {
      const user = { username, email: `${username}@example.com`, password: "password" };
      return (await call("POST", "/users", { body: { user } })).body.user.token;
    },
    publish: async (token, article = {}) => {
      const given = { title: "A title", description: "What it is about", body: "A text", ...article };
      return (await call("POST", "/articles", { token, body: { article: given } })).body.article.slug;
    },
  };
}

export async function untilJobsAreDone(db: Kysely<Database>): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (let left = 1; left > 0; ) {
    if (Date.now() > deadline) throw new Error(`${left} jobs were left after 20 s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const { rows } = await sql<{ left: number }>`
      select count(*)::integer as left from graphile_worker._private_jobs`.execute(db);
    left = rows[0]?.left ?? 0;
  }
}
