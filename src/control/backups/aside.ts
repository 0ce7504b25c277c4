import { setTimeout as delay } from "node:timers/promises";
import type { Member } from "../clusters/patroni-members.ts";
import { DATABASE } from "../placed.ts";
import { NothingThere, StepFailed } from "../problem.ts";
import { ask, type Server } from "./ask.ts";

/** The database that does not serve, in the same cluster: a copy of the restored one, or the one that served before. */
export const ASIDE = "service_aside";
/** A name for the moment between two others. */
const BETWEEN = "service_between";
/** Said of a database that served before, and may again. */
const SERVED = "ninefold: served before";

/** Longest wait until nobody is signed in to the database that serves, in milliseconds, and between two looks. */
const ALONE_MS = 5_000;
const LOOK_MS = 20;

/** Where a member answers. */
export function serverOfMember({ spec }: Member): Server {
  return { host: spec.address, port: spec.port, secrets: spec.secrets };
}

/** The database that served before, and its size; undefined where there is none. A copy that never served is none. */
export async function servedBefore(primary: Member): Promise<{ readonly bytes: number } | undefined> {
  const [found] = await ask<{ bytes: number }>(
    serverOfMember(primary),
    "postgres",
    `select pg_database_size(oid)::float8 as bytes from pg_database
     where datname = '${ASIDE}' and shobj_description(oid, 'pg_database') = '${SERVED}'`,
  );
  return found;
}

/** Removes what is aside. Safe when nothing is. */
export async function dropAside(primary: Member): Promise<void> {
  await ask(serverOfMember(primary), "postgres", `drop database if exists ${ASIDE} with (force)`);
}

/**
 * Has the database aside serve under the name of the one that serves, and puts that one aside, in one transaction. Whoever is signed
 * in to it is sent away, and cannot come back until it is over: renaming a database takes the lock that signing in asks for.
 * @returns how long nobody could sign in, in milliseconds
 * @throws NothingThere, StepFailed
 */
export async function swap(primary: Member): Promise<number> {
  const server = serverOfMember(primary);
  const [serving] = await ask<{ oid: number }>(
    server,
    "postgres",
    `select oid from pg_database where datname = '${DATABASE}'`,
  );
  if (serving === undefined) throw new NothingThere("the service has no database", "start it with `ninefold up`");
  const began = performance.now();
  let over = false;
  const renamed = ask(
    server,
    "postgres",
    `begin; set local statement_timeout = ${ALONE_MS};
     alter database ${DATABASE} rename to ${BETWEEN};
     alter database ${ASIDE} rename to ${DATABASE};
     alter database ${BETWEEN} rename to ${ASIDE};
     comment on database ${DATABASE} is null; comment on database ${ASIDE} is '${SERVED}';
     commit`,
  ).finally(() => {
    over = true;
  });
  const away = sendAway(server, serving.oid, () => over);
  const [result] = await Promise.allSettled([renamed, away]);
  if (result.status === "rejected") {
    throw new StepFailed(
      "not-swapped",
      {
        at: primary.name,
        says: `the databases could not be exchanged: ${(result.reason as Error).message}; the one before serves`,
        fix: "end sessions that other programs keep open in it, and try again",
      },
      { cause: result.reason },
    );
  }
  return Math.round(performance.now() - began);
}

/** Ends every session in a database, again and again until it is `over`. */
async function sendAway(server: Server, oid: number, over: () => boolean): Promise<void> {
  while (!over()) {
    await ask(server, "postgres", terminate(oid));
    await delay(LOOK_MS);
  }
}

/** By number, since names change meanwhile. */
function terminate(oid: number): string {
  return `select pg_terminate_backend(pid) from pg_stat_activity where datid = ${oid} and pid <> pg_backend_pid()`;
}

/** A place in the log that lies after every exchange so far, and that a standby can start again from. */
export async function pointNow(primary: Member): Promise<string> {
  const server = serverOfMember(primary);
  await ask(server, "postgres", "checkpoint");
  const [at] = await ask<{ lsn: string }>(server, "postgres", "select pg_current_wal_flush_lsn()::text as lsn");
  return at?.lsn ?? "";
}

/**
 * Whether a standby shows the databases by the names they have at that point of the log, for good: it has replayed it, and begins after
 * the exchange when it starts again. A session that was opened before stays in the database that it was opened in, so those end.
 */
export async function hasFollowed(standby: Member, point: string): Promise<boolean> {
  const server = serverOfMember(standby);
  const replayed = `select coalesce(pg_last_wal_replay_lsn() >= '${point}', false) as there`;
  const [row] = await ask<{ there: boolean }>(server, "postgres", replayed);
  if (row?.there !== true) return false;
  await ask(server, "postgres", "checkpoint"); // on a standby, a restart point (manual 30.5)
  const opened = `select pg_terminate_backend(pid) from pg_stat_activity join pg_database d on d.oid = datid where d.datname = '${ASIDE}'`;
  await ask(server, "postgres", opened);
  return true;
}
