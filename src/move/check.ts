import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Problem } from "../topology/problem.ts";
import type { Move, StepContext } from "./move.ts";
import { hasNotes } from "./notes.ts";
import { type Facts, factsOf, OBSTACLES } from "./obstacles.ts";
import { MoveFailed, MoveRefused } from "./problem.ts";
import { MOVES, tables } from "./relations.ts";
import { mib, neededRoom } from "./room.ts";

/** What there is to move. */
export interface Movable {
  /** Size of the source's database, indexes included, in bytes. */
  readonly bytes: number;
  readonly tables: number;
  /** Estimate of the planner's statistics. */
  readonly rows: number;
}

/**
 * The gate before a move: looks, and changes nothing. Finds all obstacles at once.
 * @throws MoveRefused with every obstacle and what to do about it
 */
export async function checkMovable(move: Move, { progress, targetFreeBytes }: StepContext): Promise<Movable> {
  const { source, target } = move;
  progress({ says: `see whether ${source.name} can be moved` });
  const reached = await Promise.all(
    [source, target].map((side) => side.query("select").then(() => undefined, problemOf)),
  );
  const unreachable = reached.filter((problem) => problem !== undefined);
  if (unreachable.length > 0) throw new MoveRefused(unreachable);

  const problems: Problem[] = [];
  for (const { sql, says, fix } of OBSTACLES) {
    for (const { what } of await source.query<{ what: string }>(sql)) {
      problems.push({ at: `${source.name}: ${what}`, says, fix });
    }
  }
  const [here, there] = await Promise.all([factsOf(source), factsOf(target)]);
  const size = await tables(source);
  problems.push(...compareFacts(move, here, there), ...(await tool(move, here)));
  if (!(await hasNotes(target, move.schema))) {
    const found = await target.query<{ name: string }>(
      `select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and ${MOVES} limit 1`,
    );
    for (const { name } of found) {
      const says = "the target is not empty";
      problems.push({
        at: `${target.name}: ${name}`,
        says,
        fix: "move to a new database, or drop what is in this one",
      });
    }
    const needed = neededRoom(here.bytes, there.log);
    const free = await targetFreeBytes?.();
    if (free !== undefined && free < needed) {
      const says = `needs about ${mib(needed)} MiB of disk, and ${mib(free)} MiB are free`;
      problems.push({ at: target.name, says, fix: "free some space, or give it a larger disk" });
    }
  }
  if (problems.length > 0) throw new MoveRefused(problems);
  return { bytes: here.bytes, tables: size.length, rows: size.reduce((sum, table) => sum + table.rows, 0) };
}

function compareFacts({ source, target }: Move, here: Facts, there: Facts): Problem[] {
  const problems: Problem[] = [];
  const add = (at: string, says: string, fix: string) => problems.push({ at, says, fix });
  for (const [side, facts] of [
    [source, here],
    [target, there],
  ] as const) {
    if (facts.version < 150_000) add(side.name, "its PostgreSQL is older than 15", "upgrade it");
    if (facts.standby) add(side.name, "it is a standby", "name the primary");
    if (facts.walLevel !== "logical")
      add(side.name, `wal_level is ${facts.walLevel}`, "set wal_level = logical and restart it");
    if (facts.freeSlots < 4) {
      add(side.name, `${facts.freeSlots} replication slots are free, a move needs 4`, "raise max_replication_slots");
    }
    if (facts.freeSenders < 4)
      add(side.name, `${facts.freeSenders} senders are free, a move needs 4`, "raise max_wal_senders");
    if (facts.workers < 4) add(side.name, "it has too few workers", "set max_logical_replication_workers = 4 or more");
  }
  if (here.locale !== there.locale) {
    add(target.name, `its locale is ${there.locale}, the source's ${here.locale}`, "make it with the source's locale");
  }
  const roles = here.roles.filter((role) => !there.allRoles.includes(role));
  if (roles.length > 0) add(target.name, `it has no role ${roles.join(", ")}`, "create it there");
  const extensions = here.extensions.filter((name) => !there.available.includes(name));
  if (extensions.length > 0) add(target.name, `it has no extension ${extensions.join(", ")}`, "install its package");
  return problems;
}

/** `pg_dump` refuses servers that are newer than itself. */
async function tool({ pgDump }: Move, here: Facts): Promise<Problem[]> {
  try {
    const { stdout } = await promisify(execFile)(pgDump, ["--version"]);
    const major = Number(/ (\d+)/.exec(stdout)?.[1] ?? 0);
    if (major >= Math.floor(here.version / 10_000)) return [];
    return [{ at: pgDump, says: `it is of version ${major}, older than the source`, fix: "install a newer one" }];
  } catch (cause) {
    return [
      { at: pgDump, says: `it does not run: ${(cause as Error).message}`, fix: "install PostgreSQL's client programs" },
    ];
  }
}

function problemOf(cause: unknown): Problem {
  if (cause instanceof MoveFailed) return { at: cause.at, says: cause.says, fix: cause.fix };
  throw cause;
}
