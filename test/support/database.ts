import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";

/** Asks the database that serves a deployment, as its superuser. */
export async function asSuperuser(folder: string, ...statements: readonly string[]): Promise<void> {
  const read = (...path: string[]) => JSON.parse(readFileSync(join(folder, ".ninefold", ...path), "utf8"));
  const { host, port, database } = read("endpoints.json").clusters.main.primary;
  const client = new Client({
    host,
    port,
    database,
    user: "postgres",
    password: read("secrets", "database.json").postgres,
  });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}
