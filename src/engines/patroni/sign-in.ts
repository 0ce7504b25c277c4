import { Client } from "pg";
import { databasePasswords, SUPERUSER } from "../postgres/passwords.ts";
import type { PatroniSpec } from "./spec.ts";

const ANSWER_MS = 5_000;

/**
 * Signs in to a member's PostgreSQL as the superuser, for the time of `work`; each question is given 5 seconds.
 * @throws the errors of `pg`
 */
export async function asSuperuser<T>(spec: PatroniSpec, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({
    host: spec.address,
    port: spec.port,
    database: "postgres",
    user: SUPERUSER,
    password: (await databasePasswords(spec.secrets))[SUPERUSER],
    connectionTimeoutMillis: ANSWER_MS,
    query_timeout: ANSWER_MS,
  });
  client.on("error", () => undefined); // the query in hand fails with the same error
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
