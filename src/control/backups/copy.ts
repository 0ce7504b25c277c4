import { spawn } from "node:child_process";
import { once } from "node:events";
import { stat, statfs } from "node:fs/promises";
import { constants, setPriority } from "node:os";
import { join } from "node:path";
import { systemPostgres } from "../../engines/packages.ts";
import { databasePasswords, prepareRoles, SUPERUSER } from "../../engines/postgres/index.ts";
import { NOT_COPIED } from "../../move/index.ts";
import type { Member } from "../clusters/patroni-members.ts";
import { DATABASE } from "../placed.ts";
import { StepFailed } from "../problem.ts";
import { ASIDE, dropAside, serverOfMember } from "./aside.ts";
import { ask, type Server } from "./ask.ts";
import { type Restored, serverOf } from "./restored.ts";

/** Room beyond the rows themselves, for the log of writing them: as a multiple. */
const ROOM = 1.3;
/** Between two looks at how far the copy is, in milliseconds. */
const LOOK_MS = 1_000;
const SIZE = `select pg_database_size('${DATABASE}')::float8 as bytes`;
const SIZE_ASIDE = `select pg_database_size('${ASIDE}')::float8 as bytes`;

/**
 * Copies the restored database beside the one that serves, into its cluster, with the rights that the service's roles have. What an
 * earlier try left is removed first. Standbys follow as they follow everything.
 * @throws StepFailed
 */
export async function copyRestored(
  restored: Restored,
  primary: Member,
  members: readonly Member[],
  progress: (says: string) => void,
): Promise<void> {
  const [from, to] = [serverOf(restored), serverOfMember(primary)];
  await refuseFenced(from);
  await dropAside(primary);
  const [size] = await ask<{ bytes: number }>(from, DATABASE, SIZE);
  await room(members, (size?.bytes ?? 0) * ROOM);
  await ask(to, "postgres", `create database ${ASIDE} template template0`);
  const look = setInterval(() => {
    ask<{ bytes: number }>(to, "postgres", SIZE_ASIDE)
      .then(([now]) => progress(`copying, ${percent(now?.bytes ?? 0, size?.bytes ?? 0)}`))
      .catch(() => undefined);
  }, LOOK_MS);
  try {
    await pour(from, to);
  } catch (cause) {
    await dropAside(primary).catch(() => undefined);
    const fix = "remove the cause, then try again; nothing that serves was changed";
    throw new StepFailed("restore-not-copied", { at: restored.name, says: (cause as Error).message, fix }, { cause });
  } finally {
    clearInterval(look);
  }
  progress("giving the service its rights");
  await prepareRoles({ host: to.host, port: to.port }, ASIDE, await databasePasswords(to.secrets));
  progress("gathering statistics for the planner");
  await ask(to, ASIDE, "vacuum (analyze)");
}

/** What a move had taken from the service's roles would be missing for good. */
async function refuseFenced(from: Server): Promise<void> {
  const [row] = await ask<{ fenced: boolean }>(from, DATABASE, "select exists (select from ninefold.fence) as fenced");
  if (row?.fenced !== true) return;
  throw new StepFailed("restored-while-moving", {
    at: DATABASE,
    says: "at the time that was restored the database was being moved, and closed to the service",
    fix: "restore a time some seconds before or after",
  });
}

/** Each member holds a copy, several of them perhaps on one disk. */
async function room(members: readonly Member[], bytes: number): Promise<void> {
  const disks = new Map<number, { folder: string; needed: number }>();
  for (const { folder } of members) {
    const { dev } = await stat(folder);
    disks.set(dev, { folder, needed: (disks.get(dev)?.needed ?? 0) + bytes });
  }
  const mb = (of: number) => `${Math.ceil(of / 1e6)} MB`;
  for (const { folder, needed } of disks.values()) {
    const { bavail, bsize } = await statfs(folder);
    if (bavail * bsize >= needed) continue;
    throw new StepFailed("no-room", {
      at: folder,
      says: `the copies need ${mb(needed)}, and ${mb(bavail * bsize)} are free`,
      fix: "free some space and try again",
    });
  }
}

/** From one program into the other; both end with this process, since what they read or write is then gone. */
async function pour(from: Server, to: Server): Promise<void> {
  const dump = await program("pg_dump", from, DATABASE, ["--format=custom", "--compress=0", ...NOT_COPIED]);
  const restore = await program("pg_restore", to, ASIDE, ["--exit-on-error", "--single-transaction"]);
  dump.child.stdout.pipe(restore.child.stdin);
  restore.child.stdin.on("error", () => dump.child.kill()); // that program says itself why it reads no more
  const [dumped, restored] = await Promise.allSettled([dump.ended, restore.ended]);
  for (const end of [restored, dumped]) if (end.status === "rejected") throw end.reason;
}

async function program(
  name: "pg_dump" | "pg_restore",
  { host, port, secrets }: Server,
  database: string,
  options: readonly string[],
) {
  const where = [`--host=${host}`, `--port=${port}`, `--username=${SUPERUSER}`, `--dbname=${database}`];
  const password = (await databasePasswords(secrets))[SUPERUSER];
  // By environment, which other users cannot read.
  const env = { PATH: process.env.PATH, LC_ALL: "C", PGPASSWORD: password, PGCONNECT_TIMEOUT: "10" };
  const child = spawn(join(systemPostgres().folder, name), [...options, "--no-password", ...where], { env });
  if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    said = `${said}${chunk}`.slice(-2_000);
  });
  const ended = once(child, "close").then(([code]) => {
    if (code !== 0) throw new Error(`${name} ended with code ${code}: ${said.trim()}`);
  });
  ended.catch(() => undefined); // it is waited for a moment later
  return { child, ended };
}

function percent(done: number, of: number): string {
  return `${Math.min(99, Math.floor((done / Math.max(1, of)) * 100))} %`;
}
