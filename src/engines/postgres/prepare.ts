import { Client, type ClientConfig } from "pg";
import { OWNER_ROLE, SERVICE_ROLE } from "../../topology/roles.ts";
import { MEMBER_STATEMENTS } from "./members.ts";
import { OUTCOME_STATEMENTS } from "./outcomes.ts";
import { type DatabasePasswords, SUPERUSER } from "./passwords.ts";
import { scramVerifier } from "./scram.ts";

/** How to sign in, short of user, password and database. */
export type Server = Pick<ClientConfig, "host" | "port">;

/**
 * Statements that make a role be as it should, whatever it was, but for the right to sign in, which a new one gets when all that
 * it will find is there. Passwords are given as SCRAM verifiers.
 */
function role(name: string, password: string): string[] {
  return [
    `do $$ begin create role ${name} nologin; exception when duplicate_object then null; end $$`,
    `alter role ${name} with nosuperuser nocreatedb nocreaterole noreplication nobypassrls inherit
       password '${scramVerifier(password)}'`,
  ];
}

/** In the database `postgres`: roles, and the service's database owned by the owner of the schema. */
function clusterStatements(passwords: DatabasePasswords): string[] {
  return [
    ...role(OWNER_ROLE, passwords[OWNER_ROLE]),
    ...role(SERVICE_ROLE, passwords[SERVICE_ROLE]),
    // A migration that waits for a lock makes all later statements on the table wait behind it: give up soon, try again.
    `alter role ${OWNER_ROLE} set lock_timeout = '2s'`,
    `alter role ${SERVICE_ROLE} set lock_timeout = '10s'`,
    `alter role ${SERVICE_ROLE} set statement_timeout = '30s'`,
  ];
}

/**
 * In the service's database: the fence. A row in it says that the database is closed for a move, to writers or to all,
 * and that the service must wait for another one; see src/move/fence.ts. The service may always read it.
 */
export const FENCE_STATEMENTS: readonly string[] = [
  `create schema if not exists ninefold authorization ${OWNER_ROLE}`,
  `create table if not exists ninefold.fence (
     "only" boolean primary key default true check ("only"),
     phase text not null check (phase in ('writes', 'all')),
     at timestamptz not null
   )`,
  `grant usage on schema ninefold to ${SERVICE_ROLE}`,
  `revoke all on ninefold.fence from public, ${OWNER_ROLE}, ${SERVICE_ROLE}`,
  `grant select on ninefold.fence to ${OWNER_ROLE}, ${SERVICE_ROLE}`,
];

/** Rights on what is there already. Not given while the database is fenced: they would open it. */
const RIGHTS_ON_WHAT_IS_THERE = [
  `grant select, insert, update, delete on all tables in schema public to ${SERVICE_ROLE}`,
  `grant usage, select on all sequences in schema public to ${SERVICE_ROLE}`,
];

/** In the service's database: the service reads and writes rows of what the owner makes, and can make nothing itself. */
const DATABASE_STATEMENTS = [
  `revoke all on schema public from public`,
  `alter schema public owner to ${OWNER_ROLE}`,
  `grant usage on schema public to ${SERVICE_ROLE}`,
  `alter default privileges for role ${OWNER_ROLE} grant usage on schemas to ${SERVICE_ROLE}`,
  `alter default privileges for role ${OWNER_ROLE} grant select, insert, update, delete on tables to ${SERVICE_ROLE}`,
  `alter default privileges for role ${OWNER_ROLE} grant usage, select on sequences to ${SERVICE_ROLE}`,
  `alter default privileges for role ${OWNER_ROLE} grant execute on functions to ${SERVICE_ROLE}`,
  `alter default privileges for role ${OWNER_ROLE} grant usage on types to ${SERVICE_ROLE}`,
];

const SIGN_IN = [OWNER_ROLE, SERVICE_ROLE].map((name) => `alter role ${name} with login`);

/**
 * Makes roles and database be as they should: safe to run again at any time, on a running service too. Sets the
 * passwords to those given.
 * @param database name of the service's database; quoted, so any name will do
 * @throws the errors of `pg` when the server cannot be reached or the superuser's password is not the one given
 */
export async function prepareRoles(server: Server, database: string, passwords: DatabasePasswords): Promise<void> {
  await as(server, "postgres", passwords, async (client) => {
    await together(client, clusterStatements(passwords));
    const known = await client.query("select from pg_database where datname = $1", [database]);
    const name = client.escapeIdentifier(database);
    if (known.rowCount === 0) {
      await client.query(`create database ${name} owner ${OWNER_ROLE}`).catch(unlessThere);
    }
    await together(client, [
      `alter database ${name} owner to ${OWNER_ROLE}`,
      `revoke all on database ${name} from public`,
      `grant connect, temporary on database ${name} to ${SERVICE_ROLE}`,
    ]);
  });
  await as(server, database, passwords, async (client) => {
    await together(client, [...FENCE_STATEMENTS, ...MEMBER_STATEMENTS, ...OUTCOME_STATEMENTS, ...DATABASE_STATEMENTS]);
    await client.query("begin; lock table ninefold.fence in share mode"); // no fence is put up between the look and the grant
    const { rowCount: fences } = await client.query("select from ninefold.fence");
    if (fences === 0) await together(client, RIGHTS_ON_WHAT_IS_THERE);
    await together(client, [...SIGN_IN, "commit"]);
  });
}

/** The server may still have been at work on the same statement of somebody who was killed: it is there by the time that this fails. */
function unlessThere(cause: unknown): void {
  const { code = "", constraint } = cause as { code?: string; constraint?: string };
  if (code !== "42P04" && !(code === "23505" && constraint === "pg_database_datname_index")) throw cause;
}

/** Runs statements in one round trip and, outside a transaction, as one (manual 55.2.2.1). */
async function together(client: Client, statements: readonly string[]): Promise<void> {
  await client.query(statements.join(";\n"));
}

/** Signs in as the superuser for the time of `work`. */
async function as<T>(
  server: Server,
  database: string,
  passwords: DatabasePasswords,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client({ ...server, database, user: SUPERUSER, password: passwords[SUPERUSER] });
  client.on("error", () => undefined); // the query in hand fails with the same error
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
