import type { IncomingMessage, ServerResponse } from "node:http";
import type { Kysely } from "kysely";
import type { Logger } from "pino";
import type { JobDefinition, Jobs } from "./jobs/job.ts";

/** What a user's service exports by default. Made by {@link defineService}. */
export interface Service<DB = unknown> {
  readonly kind: "ninefold-service";
  readonly definition: ServiceDefinition<DB>;
}

/** What the parts of a service are given to work with. */
export interface Resources<DB> {
  /** An ordinary Kysely database; every statement is routed by Ninefold. */
  readonly db: Kysely<DB>;
  readonly jobs: Jobs<DB>;
  readonly log: Logger;
  /** Absolute path of the folder the user works in; the running code may be a release's copy of it. */
  readonly folder: string;
  /** A secret of 64 hexadecimal digits, the same in every instance of the deployment and never changing, such as `secret("jwt")`. */
  readonly secret: (name: string) => string;
}

/** What a rehearsal is given to work with. */
export interface Rehearsal<DB> extends Resources<DB> {
  /** Asks the instance's own app for a path, with its query. */
  readonly ask: (path: string, options?: AskOptions) => Promise<Answer>;
}

export interface AskOptions {
  /** Default GET. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
}

/** What the app answered. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  /** @throws SyntaxError where the text is not JSON */
  json(): unknown;
}

/** A plain Node request listener. */
export type Listener = (request: IncomingMessage, response: ServerResponse) => void;

/** A Fastify instance, as far as Ninefold needs it. */
export interface FastifyLike {
  ready(): PromiseLike<unknown>;
  routing(request: IncomingMessage, response: ServerResponse): void;
  close(): PromiseLike<unknown>;
}

/** A Hono application, or anything with a web-standard `fetch`. */
export interface FetchLike {
  fetch(request: Request): Response | Promise<Response>;
}

export type HttpApp = Listener | FastifyLike | FetchLike;

/** Facts about a table that Ninefold uses from the rung that needs them; checked against the real schema at start. */
export interface TableFact<Row> {
  /** Column that places a row on a shard. It must be part of the primary key or of a unique index. */
  readonly key?: keyof Row & string;
  /** Columns that must stay unique over all shards. Each needs a unique index. */
  readonly unique?: ReadonlyArray<keyof Row & string>;
  /** A small table that every shard keeps a copy of. Excludes `key`. */
  readonly everywhere?: true;
}

export type TableFacts<DB> = { readonly [T in keyof DB]?: TableFact<DB[T]> };

export interface ServiceDefinition<DB> {
  /** Lower-case letters, digits and dashes, 1 to 40 characters, beginning with a letter. */
  readonly name: string;
  readonly http: (resources: Resources<DB>) => HttpApp | Promise<HttpApp>;
  /** Folder of Kysely migrations, relative to the service module. */
  readonly migrations?: string;
  /** Folder of static files, relative to the service module, or its options. */
  readonly assets?: string | AssetOptions;
  /**
   * Paths that a new instance asks itself for with GET, some dozens of times, before it serves: the first users then do not meet code
   * that runs for the first time. They must change nothing (RFC 9110, 9.2.1) and need no session. Not on a first start, where
   * everybody waits for it.
   */
  readonly warm?: readonly string[];
  /**
   * Plays what users do that `warm` cannot ask for: what needs an account, and what writes. A new instance plays it up to twenty
   * times, for 3 s at most, before it serves, each time as one transaction of `db`, the app's own statements included, that is rolled back: nothing
   * of it stays in the database, no job runs. Sequences go on. What a request does outside of the database it really does, and
   * what it starts that outlives it, such as a timer, fails once it asks `db` for something. If it throws, it is not played again,
   * and the instance serves.
   */
  readonly rehearse?: (rehearsal: Rehearsal<DB>) => Promise<void>;
  readonly tables?: TableFacts<DB>;
  // biome-ignore lint/suspicious/noExplicitAny: each job has a payload type of its own, checked where it is defined
  readonly jobs?: Readonly<Record<string, JobDefinition<any, DB>>>;
}

export interface AssetOptions {
  readonly folder: string;
  /** File served for a page request that matches no file and no route of the app, so that deep links of a browser client work. */
  readonly fallback?: string;
  /** Path prefixes that always belong to the app, such as `/api`; the fallback never answers them. */
  readonly appPrefixes?: readonly string[];
}

export function defineService<DB>(definition: ServiceDefinition<DB>): Service<DB> {
  return { kind: "ninefold-service", definition };
}
