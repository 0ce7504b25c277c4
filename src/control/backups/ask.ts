import { Client } from "pg";
import { databasePasswords, SUPERUSER } from "../../engines/postgres/index.ts";

/** A server that a question goes to, and the file of its passwords. */
export interface Server {
  readonly host: string;
  readonly port: number;
  readonly secrets: string;
}

/** Asks one question as the superuser. @throws the errors of `pg` */
export async function ask<Row extends object>(
  { host, port, secrets }: Server,
  database: string,
  text: string,
): Promise<Row[]> {
  const password = (await databasePasswords(secrets))[SUPERUSER];
  const client = new Client({ host, port, database, user: SUPERUSER, password });
  client.on("error", () => undefined); // the question in hand fails with the same error
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}
