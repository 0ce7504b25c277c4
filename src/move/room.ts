import { isDiskFull } from "../engines/postgres/problem.ts";
import type { StepContext } from "./move.ts";
import { MoveFailed } from "./problem.ts";
import type { OpenSide } from "./side.ts";

/** Room that a target keeps while it is filled, in bytes: PostgreSQL ends at once when there is none for its log. */
export const LEAST_ROOM = 128 * 1_048_576;
/** Rows of a try, in pages of 8 KiB. */
const TRY_PAGES = 128;

/**
 * Room that a move needs at the target, in bytes: rows and indexes, the log of both until PostgreSQL uses it again, and what it keeps free.
 * @param bytes of the source's database
 * @param log most that the target keeps of its log (`max_wal_size`), in bytes
 */
export function neededRoom(bytes: number, log: number): number {
  return bytes * 1.1 + Math.min(bytes, log * 1.1) + LEAST_ROOM;
}

/** @throws MoveFailed `move-disk-full` when too little room is left on the target's disk, if that can be known beforehand */
export async function keepRoom(target: OpenSide, { targetFreeBytes }: StepContext): Promise<void> {
  const free = await targetFreeBytes?.();
  if (free === undefined || free >= LEAST_ROOM) return;
  throw diskFull(target, `only ${mib(free)} MiB are left on its disk, and PostgreSQL needs ${mib(LEAST_ROOM)} to work`);
}

/** Lets the target write a megabyte, and takes it back. @throws MoveFailed `move-disk-full` in PostgreSQL's own words */
export async function tryRoom(target: OpenSide, schema: string): Promise<void> {
  const rows = `select repeat(md5(n::text), 250) from generate_series(1, ${TRY_PAGES}) n`;
  const statements = `begin; create table ${schema}.try (filled text); alter table ${schema}.try alter filled set storage plain; insert into ${schema}.try ${rows}; rollback`;
  await target
    .apart((client) => client.query(statements))
    .catch((cause: unknown) => {
      if (isDiskFull(cause)) throw diskFull(target, (cause as Error).message, cause);
      throw cause;
    });
}

/** The target has no room for what is to come. The source serves on. */
export function diskFull(target: OpenSide, says: string, cause?: unknown): MoveFailed {
  const fix = "free some space on its disk, or give it a larger one, then try again";
  return new MoveFailed("move-disk-full", { at: target.name, says, fix }, { cause });
}

export function mib(bytes: number): number {
  return Math.ceil(bytes / 1_048_576);
}
