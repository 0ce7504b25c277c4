import { setTimeout as pause } from "node:timers/promises";
import { type Database, pendingMigrations } from "../data/index.ts";
import { jobsInstalled } from "../jobs/index.ts";
import type { Life } from "../life.ts";

/** The tables are looked for again after this long, milliseconds. */
const AGAIN_MS = 20;

/**
 * Waits until the queue's tables and those of the service's migrations are there: they may be in the making.
 * Gives false when the role was stopped meanwhile.
 */
export async function tablesAreThere(
  database: Database<unknown>,
  migrations: string | undefined,
  life: Life,
): Promise<boolean> {
  while (life.status === "starting") {
    const { db } = database;
    const { pending } =
      migrations === undefined ? { pending: [] } : await pendingMigrations({ folder: migrations, db });
    if (pending.length === 0 && (await jobsInstalled(db))) return true;
    life.reason = `waiting for the migrations${pending.length > 0 ? ` ${pending.join(", ")}` : " of the queue"}`;
    await pause(AGAIN_MS);
  }
  return false;
}
