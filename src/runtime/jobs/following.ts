import { type ClientConfig, Pool, type PoolConfig, type QueryConfig, type QueryResult, type QueryResultRow } from "pg";
import { ownConnections } from "./connections.ts";

/** Where the queue is, and what to do when it is being moved. */
export interface Place {
  /** Asked again whenever the worker connects anew. */
  readonly connection: () => ClientConfig;
  /**
   * Whether a statement that failed with this error at that place may run again: it waits for as long as a move lasts.
   * False for an error that no move has caused. Never rejects.
   */
  readonly afterFence: (error: unknown, at: ClientConfig) => Promise<boolean>;
}

/**
 * Connections of a worker to its queue that follow it to another server. A statement that is denied because the queue is
 * being moved waits and runs where the queue is then: its lease and its jobs have moved with it.
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
  let current: { readonly at: ClientConfig; readonly pool: Pool } | undefined;
  let ended = false;

  const now = () => {
    const at = connection();
    if (current !== undefined && (ended || sameAddress(current.at, at))) return current;
    current?.pool.end().catch(() => undefined); // what is under way on it ends first
    current = { at, pool: ownConnections(new Pool({ ...options, ...at })) };
    return current;
  };
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
      ending.resolve(false);
      await current?.pool.end();
    },
  };
}

function sameAddress(a: ClientConfig, b: ClientConfig): boolean {
  return a.host === b.host && a.port === b.port && a.database === b.database;
}
