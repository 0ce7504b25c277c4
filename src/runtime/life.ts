import { setTimeout as pause } from "node:timers/promises";
import type { Logger } from "pino";
import type { Database } from "./data/index.ts";
import type { Status } from "./http/private.ts";

/** A long-running role, from the moment it begins to start. */
export interface Role {
  /** Ends in good order: what is under way is finished within `drainMs`. Works at any time, also while starting. */
  stop(): Promise<void>;
  /** Resolves with the cause when the role could not start; its private interface goes on telling why. */
  readonly failed: Promise<unknown>;
}

/** Where a role is in its life, as its private interface tells it. */
export interface Life {
  status: Status;
  reason: string | undefined;
}

/** The database is asked again after this long, milliseconds. */
const RETRY_MS = 50;

/** Waits until the database answers, however long: it may be in the making. Gives false when the role was stopped meanwhile. */
export async function databaseAnswers(database: Database<unknown>, life: Life, log: Logger): Promise<boolean> {
  for (let told = false; life.status === "starting"; ) {
    try {
      await database.ping();
      return true;
    } catch (error) {
      life.reason = `waiting for the database: ${error instanceof Error ? error.message : String(error)}`;
      if (!told) log.warn({ err: error }, "waiting for the database");
      told = true;
    }
    await pause(RETRY_MS);
  }
  return false;
}

/** The same for a role that has nobody to tell that it waits. @throws what the database said last, after `withinMs` */
export async function databaseAnswersWithin(database: Database<unknown>, withinMs: number): Promise<void> {
  for (const deadline = Date.now() + withinMs; ; await pause(RETRY_MS)) {
    try {
      return await database.ping(Math.max(1, deadline - Date.now()));
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}
