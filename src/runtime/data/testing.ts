import { afterAll, beforeAll } from "vitest";
import { startTestPostgres, type TestPostgres } from "../../engines/postgres/testing.ts";
import type { Endpoints } from "../../topology/endpoints.ts";
import { type Database, type DatabaseOptions, openDatabase } from "./database.ts";

/** A person's row in the tests. */
export interface TestTables {
  item: { id: number; name: string; amount: number; made: Date | null };
}

export function endpointsTo(address: { host: string; port: number; database: string }): Endpoints {
  const { host, port, database } = address;
  return {
    version: 1,
    epoch: 1,
    deployment: "test",
    clusters: { main: { primary: { host, port, database }, standbys: [] } },
  };
}

export function openTestDatabase<DB = TestTables>(
  server: TestPostgres,
  options: Partial<DatabaseOptions> & { port?: number } = {},
): Database<DB> {
  const { host, port, database, superuser } = server;
  return openDatabase<DB>({
    endpoints: endpointsTo({ host, port: options.port ?? port, database }),
    credentials: superuser,
    connections: 4,
    holdMs: 5_000,
    ...options,
  });
}

/** One server for all tests of a file. */
export function testServer(options: Parameters<typeof startTestPostgres>[0] = { fsync: false }): {
  current: TestPostgres;
} {
  const holder = {} as { current: TestPostgres };
  beforeAll(async () => {
    holder.current = await startTestPostgres(options);
  });
  afterAll(async () => {
    await holder.current[Symbol.asyncDispose]();
  });
  return holder;
}
