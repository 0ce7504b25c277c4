import { createHash } from "node:crypto";
import { type Kysely, sql } from "kysely";
import { type ClientBase, escapeIdentifier, Pool, type PoolConfig } from "pg";
import { ownConnections } from "./connections.ts";
import { library, silent } from "./library.ts";
import { CLAIM_EFFECT } from "./schema/effect.ts";
import { ENQUEUE } from "./schema/enqueue.ts";
import { LEASES } from "./schema/lease.ts";
import { SETTLE } from "./schema/settle.ts";
import { grants, TABLES } from "./schema/tables.ts";

const MARK = "Ninefold's own tables, as of ";

/**
 * Brings the schemas `graphile_worker` (the library's) and `ninefold` (ours) up to date and lets the service's role use them.
 * Safe to run again and by several at once: one works, the others wait and find it done. Run it before any worker of
 * a new release, after a worker of an old one no longer needs the old shape; every change so far suits both.
 * @param ownerConnection signs in as the owner of the database; needs no right to create roles
 */
export async function installJobs(options: { ownerConnection: PoolConfig; serviceRole: string }): Promise<void> {
  const pool = ownConnections(new Pool({ ...options.ownerConnection, max: 2 }));
  try {
    const client = await pool.connect();
    try {
      await client.query("set lock_timeout = '60s'; select pg_advisory_lock(9004, 0); reset lock_timeout");
      await library().runMigrations({ pgPool: pool, logger: silent() });
      const role = escapeIdentifier(options.serviceRole);
      const ours = [TABLES, ENQUEUE, CLAIM_EFFECT, SETTLE, LEASES, grants(role)].join("\n");
      const fingerprint = createHash("sha256").update(ours).digest("hex");
      // Most deploys change nothing here, and must not wait for locks on tables that are in use.
      if ((await installed(client)) === fingerprint) return;
      await client.query(`begin; ${ours}`);
      await client.query(`comment on schema ninefold is ${client.escapeLiteral(MARK + fingerprint)}`);
      await client.query("commit");
    } finally {
      // Ends the session, and with it the lock, whatever state a failed statement left it in.
      client.release(true);
    }
  } finally {
    await pool.end();
  }
}

/** Whether the queue's tables are there at all, of whatever age. Needs no right but to sign in. */
export async function jobsInstalled<DB>(db: Kysely<DB>): Promise<boolean> {
  const { rows } = await sql<{ said: string | null }>`${sql.raw(SAID)}`.execute(db);
  return rows[0]?.said?.startsWith(MARK) === true;
}

/** Milliseconds since the queue's tables were made, with the first release of the service; they must be there. */
export async function queueAgeMs<DB>(db: Kysely<DB>): Promise<number> {
  const { rows } = await sql<{ age_ms: number }>`
    select extract(epoch from now() - min(ts))::float8 * 1000 as age_ms from graphile_worker.migrations`.execute(db);
  return rows[0]?.age_ms ?? 0;
}

const SAID = "select obj_description(oid, 'pg_namespace') as said from pg_namespace where nspname = 'ninefold'";

async function installed(client: ClientBase): Promise<string | undefined> {
  const { rows } = await client.query<{ said: string | null }>(SAID);
  return rows[0]?.said?.slice(MARK.length);
}
