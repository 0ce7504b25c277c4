import type { Socket } from "node:net";
import {
  Client,
  type ClientConfig,
  Pool,
  type PoolConfig,
  type QueryConfig,
  type QueryResult,
  type QueryResultRow,
} from "pg";
import { ownConnections } from "./connections.ts";

/** What is under way on connections that nobody needs any more gets so long to end, milliseconds: their server may be gone for good. */
const LEAVE_MS = 2_000;
/** How often it is looked whether the queue is elsewhere, milliseconds. */
const LOOK_MS = 250;

/** Where the queue is, and what to do when it is being moved. */
export interface Place {
  /** Asked again before each statement. */
  readonly connection: () => ClientConfig;
  /**
   * Whether a statement that failed with this error at that place may run again: it waits for as long as a move lasts.
   * False for an error that no move has caused. Never rejects.
   */
  readonly afterFence: (error: unknown, at: ClientConfig) => Promise<boolean>;
}

/**
 * Connections of a worker to its queue that follow it to another server: after a failover, and when it is moved. A statement
 * that is denied because the queue is being moved waits and runs where the queue is then: its lease and its jobs have moved with
 * it. One that a lost server owes an answer fails soon after another one has taken its place.
 */
export interface FollowingPool {
  query<R extends QueryResultRow>(text: string, values?: readonly unknown[]): Promise<QueryResult<R>>;
  /** The same with values that are worked out when it is sent, so again after each wait. */
  ask<R extends QueryResultRow>(config: () => QueryConfig): Promise<QueryResult<R>>;
  /** For the job library: a pool, each of whose clients sends every statement as {@link query} does. */
  readonly asPool: Pool;
  /** Ends the waits with the error that began them, and the connections. */
  end(): Promise<void>;
}

export function followingPool({ connection, afterFence }: Place, options: PoolConfig): FollowingPool {
  const ending = Promise.withResolvers<false>();
  let current: { readonly at: ClientConfig; readonly pool: Pool; readonly leave: () => Promise<void> } | undefined;
  let ended = false;

  const now = () => {
    const at = connection();
    if (current !== undefined && (ended || sameAddress(current.at, at))) return current;
    void current?.leave();
    current = { at, ...openPool({ ...options, ...at }) };
    return current;
  };
  // A statement that a lost server owes an answer would wait for the next one to notice it.
  const look = setInterval(now, LOOK_MS).unref();
  const ask = async <R extends QueryResultRow>(config: () => QueryConfig): Promise<QueryResult<R>> => {
    for (;;) {
      const { at, pool } = now();
      try {
        return await pool.query<R>(config());
      } catch (error) {
        const again = !ended && (await Promise.race([afterFence(error, at), ending.promise]));
        if (!again) throw error;
      }
    }
  };
  const query = <R extends QueryResultRow>(text: string, values: readonly unknown[] = []) =>
    ask<R>(() => ({ text, values: [...values] }));
  // The library looks at a pool's options and listens for its errors; statements it sends through clients alone.
  const client = {
    query: (given: string | QueryConfig, values: unknown[] = []) =>
      ask(() => (typeof given === "string" ? { text: given, values } : given)),
    release: () => undefined,
  };
  return {
    query,
    ask,
    asPool: Object.assign(Object.create(now().pool) as Pool, { query: client.query, connect: async () => client }),
    async end() {
      ended = true;
      clearInterval(look);
      ending.resolve(false);
      await current?.leave();
    },
  };
}

function openPool(options: PoolConfig) {
  const clients = new Set<Client>();
  /** Known from before it is connected, which may take for ever. */
  class Known extends Client {
    constructor(config?: string | ClientConfig) {
      super(config);
      clients.add(this);
      this.once("end", () => clients.delete(this));
    }
  }
  const pool = ownConnections(new Pool({ ...options, Client: Known }));
  const leave = async () => {
    const late = setTimeout(() => {
      for (const client of clients) cut(client);
    }, LEAVE_MS);
    await pool.end().catch(() => undefined);
    clearTimeout(late);
  };
  return { pool, leave };
}

function cut(client: Client): void {
  (client as unknown as { connection: { stream: Socket } }).connection.stream.destroy();
}

function sameAddress(a: ClientConfig, b: ClientConfig): boolean {
  return a.host === b.host && a.port === b.port && a.database === b.database;
}
