import type { Pool } from "pg";

/**
 * Keeps a lost connection from ending the process. node-postgres emits `error` on an idle client and on its pool when the
 * server goes away; whoever uses the connection is told by the failing statement, so the event itself needs no answer.
 */
export function ownConnections(pool: Pool): Pool {
  pool.on("error", ignore);
  pool.on("connect", (client) => client.on("error", ignore));
  return pool;
}

function ignore(): void {}
