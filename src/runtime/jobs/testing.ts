import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresDialect,
  PostgresIntrospector,
  PostgresQueryCompiler,
} from "kysely";
import { type ClientConfig, Pool, type PoolClient } from "pg";
import { ownConnections } from "./connections.ts";
import type { LazyTransaction } from "./run.ts";

/** A database as a service sees it, on plain node-postgres: what these tests need of runtime/data. */
export interface TestDatabase<DB> extends AsyncDisposable {
  readonly db: Kysely<DB>;
  readonly pool: Pool;
  transaction(prologue: CompiledQuery): LazyTransaction<DB>;
}

export function openTestDatabase<DB>(connection: ClientConfig, connections = 10): TestDatabase<DB> {
  const pool = ownConnections(new Pool({ ...connection, max: connections }));
  return {
    db: new Kysely<DB>({ dialect: new PostgresDialect({ pool }) }),
    pool,
    transaction: (prologue) => lazyTransaction<DB>(pool, prologue),
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

function lazyTransaction<DB>(pool: Pool, prologue: CompiledQuery): LazyTransaction<DB> {
  let client: Promise<PoolClient> | undefined;
  const begin = async () => {
    const opened = await pool.connect();
    await opened.query("begin");
    await opened.query(prologue.sql, [...prologue.parameters]);
    return opened;
  };
  const end = async (how: "commit" | "rollback") => {
    const opened = await client;
    const { command } = (await opened?.query(how)) ?? {};
    opened?.release();
    if (how === "commit" && command !== "COMMIT") throw new Error("the transaction had failed and was rolled back");
  };
  const connection: DatabaseConnection = {
    async executeQuery<R>(query: CompiledQuery) {
      client ??= begin();
      const { rows } = await (await client).query(query.sql, [...query.parameters]);
      return { rows: rows as R[] };
    },
    streamQuery: () => {
      throw new Error("these tests stream nothing");
    },
  };
  const driver: Driver = {
    init: async () => {},
    acquireConnection: async () => connection,
    beginTransaction: async () => {},
    commitTransaction: async () => {},
    rollbackTransaction: async () => {},
    releaseConnection: async () => {},
    destroy: async () => {},
  };
  const dialect: Dialect = {
    createDriver: () => driver,
    createAdapter: () => new PostgresAdapter(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  };
  return {
    db: new Kysely<DB>({ dialect }),
    get begun() {
      return client !== undefined;
    },
    commit: () => end("commit"),
    rollback: () => end("rollback"),
  };
}
