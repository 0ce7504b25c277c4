import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
} from "kysely";
import { Executor, type Source } from "./executor.ts";
import type { TransactionScope } from "./scope.ts";

/** An ordinary Kysely whose statements go to `source`. */
export function kyselyOn<DB>(source: Source): Kysely<DB> {
  const adapter = new PostgresAdapter();
  const compiler = new PostgresQueryCompiler();
  const dialect: Dialect = {
    createAdapter: () => adapter,
    createDriver: () => DRIVER,
    createQueryCompiler: () => compiler,
    createIntrospector: (db) => new PostgresIntrospector(db),
  };
  const executor = new Executor({ source, compiler, adapter });
  // Kysely declares the driver by its own wrapper, whose only other work is to acquire connections and to log.
  return new Kysely<DB>({ config: { dialect }, dialect, executor, driver: DRIVER as never });
}

const scope = (connection: DatabaseConnection) => connection as TransactionScope;

async function named(
  connection: DatabaseConnection,
  compileQuery: Compile,
  command: string,
  name: string,
): Promise<void> {
  await connection.executeQuery(compileQuery(savepointNode(command, name), QUERY_ID));
}

type Compile = Parameters<NonNullable<Driver["savepoint"]>>[2];

const QUERY_ID = CompiledQuery.raw("").queryId;

/** Kysely's savepoint commands: the words, and the name as an identifier. */
function savepointNode(command: string, name: string) {
  return {
    kind: "RawNode",
    sqlFragments: [`${command} `, ""],
    parameters: [{ kind: "IdentifierNode", name }],
  } as never;
}

/** What Kysely asks of a driver once it has a connection. Acquiring and releasing are the executor's. */
const DRIVER: Driver = {
  init: async () => undefined,
  acquireConnection: () => Promise.reject(new Error("connections are given by the executor")),
  releaseConnection: async () => undefined,
  beginTransaction: async (connection, settings) => scope(connection).begin(settings),
  commitTransaction: (connection) => scope(connection).commit(),
  rollbackTransaction: (connection) => scope(connection).rollback(),
  savepoint: (connection, name, compile) => named(connection, compile, "savepoint", name),
  releaseSavepoint: (connection, name, compile) => named(connection, compile, "release savepoint", name),
  rollbackToSavepoint: async (connection, name, compile) => {
    await named(connection, compile, "rollback to savepoint", name);
    scope(connection).recovered();
  },
  destroy: async () => undefined,
};
