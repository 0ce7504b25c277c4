import type { Move, StepContext } from "./move.ts";
import { giveBack, hasNotes } from "./notes.ts";
import { MoveFailed } from "./problem.ts";
import { tables } from "./relations.ts";
import { takeRights } from "./rights.ts";
import type { OpenSide } from "./side.ts";
import { untilLocked } from "./wait.ts";

/** What the fence of a side keeps out: nothing, writers, or everybody. */
export type Fenced = "nobody" | "writes" | "all";

const LOCK_MS = 200;
const WITHIN_MS = 30_000;

/** Whom the database itself keeps out now. */
export async function fenced(side: OpenSide): Promise<Fenced> {
  const [row] = await side.query<{ phase: "writes" | "all" }>("select phase from ninefold.fence");
  return row?.phase ?? "nobody";
}

/**
 * Closes the source to writers. When it returns, every write that was acknowledged is in the source's log, and no later one
 * can be: the rights are gone, and stay gone over a crash of the database. Reading goes on. A writer that comes in between waits for the
 * lock, then gets SQLSTATE 42501.
 * @param withinMs how long it tries, while a transaction holds a table
 * @throws MoveFailed `move-late`, naming the longest open transaction
 */
export async function fence(move: Move, { signal, progress }: StepContext, withinMs = WITHIN_MS): Promise<void> {
  const { source, schema } = move;
  if ((await fenced(source)) !== "nobody") return;
  progress({ says: `close ${source.name} to writers` });
  const list = (await tables(source)).map((table) => table.name).join(", ");
  // A deadlock check after 20 ms, not 1 s, also sends away an autovacuum that is in the way (manual 20.12).
  await untilLocked(
    () =>
      atOnce(
        source,
        `set local lock_timeout = ${LOCK_MS}; set local deadlock_timeout = '20ms';
         ${list === "" ? "" : `lock table ${list} in exclusive mode;`} ${fenceSql(schema, "writes")}`,
      ),
    {
      withinMs,
      signal,
      at: source.name,
      what: "close the tables to writers",
      blocker: () => longestTransaction(source),
    },
  );
}

/**
 * Closes the fenced source to readers as well, so that nobody who has not heard of the target reads the past. The last step
 * before {@link open}: from here on the move goes forward unless it is known that the target was not opened.
 * @throws MoveFailed `move-order` when the source is not closed to writers
 */
export async function fenceReads({ source, schema }: Move, { progress }: StepContext): Promise<void> {
  const phase = await fenced(source);
  if (phase === "all") return;
  if (phase === "nobody") throw notFenced(source);
  progress({ says: `close ${source.name} to readers` });
  await atOnce(source, fenceSql(schema, "all"));
}

/** Revokes what leads to this phase, and says so in `ninefold.fence`; for the caller's transaction. */
export function fenceSql(schema: string, phase: "writes" | "all"): string {
  return `${takeRights(schema, phase === "all" ? "reads" : "writes")};
    insert into ninefold.fence values (true, '${phase}', clock_timestamp())
      on conflict ("only") do update set phase = excluded.phase, at = excluded.at`;
}

/**
 * Several statements in one transaction and one round trip, which counts inside the pause. They may be run again: the server may
 * still have been at work on the same ones for somebody who was killed.
 */
async function atOnce(side: OpenSide, statements: string, tries = 3): Promise<void> {
  try {
    await side.query(`begin; ${statements}; commit`);
  } catch (cause) {
    await side.query("rollback").catch(() => undefined); // a broken connection has done it already
    if (tries <= 1 || !/^tuple concurrently /.test((cause as Error).message)) throw cause;
    await atOnce(side, statements, tries - 1);
  }
}

/** Gives all rights back as they were, and says so. Safe to run again. */
export async function liftFence(side: OpenSide, schema: string): Promise<void> {
  if (!(await hasNotes(side, schema))) return;
  await atOnce(side, `${giveBack(schema, ["writes", "reads"])}; delete from ninefold.fence`);
}

export function notFenced(side: OpenSide): MoveFailed {
  const says = "it is not closed yet, so writes would be lost";
  return new MoveFailed("move-order", { at: side.name, says, fix: "close it first (fence, fenceReads)" });
}

/** Who probably holds the lock that we wait for, for the message. */
export async function longestTransaction(side: OpenSide): Promise<string> {
  const [row] = await side.query<{ who: string }>(`
    select format('the longest open transaction is of "%s" (process %s, %s), since %s s',
             usename, pid, coalesce(nullif(application_name, ''), 'no name'), extract(epoch from now() - xact_start)::int) as who
    from pg_stat_activity where xact_start is not null and pid <> pg_backend_pid() and backend_type = 'client backend'
    order by xact_start limit 1`);
  return row?.who ?? "no open transaction is seen now";
}
