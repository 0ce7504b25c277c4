import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
import { type DatabaseAddress, Endpoints } from "../../src/topology/endpoints.ts";

/** Asks the database that serves a deployment, as its superuser. */
export function asSuperuser(folder: string, ...statements: readonly string[]): Promise<void> {
  return ask(folder, addresses(folder)[0], statements);
}

/** Asks one member of the database, by its name. */
export function onMember(folder: string, name: string, ...statements: readonly string[]): Promise<void> {
  const member = addresses(folder).find((address) => address.name === name);
  return ask(folder, member, statements);
}

/** The host's address of a member of the database. */
export function addressOf(folder: string, name: string): string {
  const member = addresses(folder).find((address) => address.name === name);
  if (member === undefined) throw new Error(`the endpoints do not name ${name}`);
  return member.host;
}

function addresses(folder: string): DatabaseAddress[] {
  const { main } = Endpoints.parse(read(folder, "endpoints.json")).clusters;
  return main === undefined ? [] : [main.primary, ...main.standbys];
}

async function ask(folder: string, address: DatabaseAddress | undefined, statements: readonly string[]): Promise<void> {
  if (address === undefined) throw new Error("the endpoints do not name it");
  const { host, port, database } = address;
  const { postgres: password } = read(folder, "secrets", "database.json");
  const client = new Client({ host, port, database, user: "postgres", password });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

function read(folder: string, ...path: readonly string[]) {
  return JSON.parse(readFileSync(join(folder, ".ninefold", ...path), "utf8"));
}
