import { Client } from "pg";
import { databasePasswords, SUPERUSER } from "../postgres/passwords.ts";
import type { PatroniSpec } from "./spec.ts";

const ANSWER_MS = 5_000;

/**
 * Signs in to a member's PostgreSQL as the superuser, for the time of `work`.
 * @param withinMs longest time that each question may take, in milliseconds
 * @throws the errors of `pg`
 */
export async function asSuperuser<T>(
  spec: PatroniSpec,
  work: (client: Client) => Promise<T>,
  withinMs = ANSWER_MS,
): Promise<T> {
  const client = new Client({
    host: spec.address,
    port: spec.port,
    database: "postgres",
    user: SUPERUSER,
    password: (await databasePasswords(spec.secrets))[SUPERUSER],
    connectionTimeoutMillis: ANSWER_MS,
    query_timeout: withinMs,
  });
  client.on("error", () => undefined); // the query in hand fails with the same error
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
