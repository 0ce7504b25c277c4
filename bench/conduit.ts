/**
 * Conduit through Ninefold beside the same endpoints written by hand (bench/peer), on the same PostgreSQL with the same
 * seeded data, in alternate runs. This process is the generator; the servers and the database are others.
 *
 * `node --conditions=ninefold-source bench/conduit.ts [--runs 5] [--seconds 10] [--connections 32] [--size 10000] [--json file]`
 * The peer is started as `node bench/peer/server.ts` with DATABASE_URL, PORT and CONNECTIONS in its environment.
 */
import { Kysely, PostgresDialect, sql } from "kysely";
import { Pool } from "pg";
import type { Database } from "../examples/conduit/schema.ts";
import seed from "../examples/conduit/seed.ts";
import { startTestPostgres, type TestPostgres } from "../src/engines/postgres/testing.ts";
import { freePort } from "../src/machine/free-port.ts";
import { compare, comparison } from "./compare.ts";
import { startConduit } from "./conduit-service.ts";
import { startPeer } from "./peer-service.ts";

/** Connections to the database of each side. */
const POOL = 10;

const asked = comparison();
const { runs, seconds, connections, size } = asked;
console.log(`node ${process.version}, ${runs} runs of ${seconds} s, ${connections} connections, ${size} articles`);
await using postgres = await startTestPostgres({ roles: true });
await using ours = await startConduit({ postgres, port: await freePort(), connections: POOL });
await fill(postgres);
await using peer = await startPeer(addressFor(postgres), await freePort(), POOL);
await compare(
  [
    { name: "ours", url: ours.url },
    { name: "peer", url: peer.url },
  ],
  asked,
  1,
);

/** Over the unix socket, as ours. */
function addressFor({ service: { user, password }, port, database, socketFolder }: TestPostgres): string {
  const server = `localhost:${port}/${database}?host=${encodeURIComponent(socketFolder)}`;
  return `postgres://${user}:${encodeURIComponent(password)}@${server}`;
}

async function fill({ connectionString }: TestPostgres) {
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: new Pool({ connectionString, max: 2 }) }) });
  await seed({ db, size, random: 1 });
  await sql`vacuum analyze`.execute(db);
  await sql`checkpoint`.execute(db);
  await db.destroy();
}
