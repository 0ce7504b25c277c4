import { fenced } from "./fence.ts";
import { commitAtOnce, goOn, pauseCopy, subscribe } from "./flow.ts";
import { passMark } from "./marker.ts";
import { type Flow, type Move, type StepContext, stream } from "./move.ts";
import { MoveFailed } from "./problem.ts";
import { tables } from "./relations.ts";
import { keepRoom, tryRoom } from "./room.ts";
import { isLost } from "./side.ts";
import { waitFor } from "./wait.ts";

/** Tries that fail in a row, 5 s apart, after which a copy or a stream is given up. */
const FAILURES = 2;
/** Longest time that a target may not answer while rows are copied to it, in milliseconds: PostgreSQL starts again after a crash. */
const LOST_MS = 60_000;
const STOPPED: ReadonlySet<string> = new Set(["move-disk-full", "move-copy-stopped"]);
const FOR_EVER = Number.POSITIVE_INFINITY;

/** Starts the copy of all rows, several tables at a time, and of all changes after it. Goes on by itself in the servers. */
export async function beginCopy(move: Move, { progress }: StepContext): Promise<void> {
  progress({ says: `copy ${move.source.name} to ${move.target.name}`, done: 0 });
  await subscribe(stream(move), { copy: true, enabled: true });
}

/**
 * Waits until every row has been copied; changes since then may still be on their way. A copy that cannot go on is paused, so that it
 * does no harm; run again, this goes on with it.
 * @throws MoveFailed `move-disk-full`; `move-copy-stopped` when the target cannot take the rows for another reason;
 *   `move-unreachable` when it does not answer for a minute; `move-stream-lost`
 */
export async function awaitCopy(move: Move, context: StepContext): Promise<void> {
  const { source, target, schema } = move;
  const { signal, progress } = context;
  const flow = stream(move);
  await keepRoom(target, context);
  if ((await fenced(source)) === "nobody") await goOn(flow);
  const failed = await failureCount(flow);
  const tell = await copyProgress(move, progress);
  let lostSince: number | undefined;

  async function look(): Promise<true | undefined> {
    await keepRoom(target, context);
    const states = await tableStates(flow);
    lostSince = undefined;
    if (states.length === 0) {
      const says = "nothing follows the source; the copy has not begun";
      throw new MoveFailed("move-order", { at: target.name, says, fix: "begin it first (beginCopy)" });
    }
    if (states.every(({ state }) => state === "r")) return true;
    await failIfStopped(flow, schema, failed);
    await inBackground(flow);
    tell(states);
    return undefined;
  }

  /** The target may be starting again after a crash; then the copy goes on by itself. */
  async function lookAgain(cause: unknown): Promise<undefined> {
    if (!isLost(cause)) throw cause;
    lostSince ??= performance.now();
    if (performance.now() - lostSince > LOST_MS) throw cause;
    progress({ says: `wait for ${target.name}, which does not answer` });
  }

  const wait = { signal, at: target.name, what: "the copy", fix: "try again" };
  await waitFor(() => look().catch(lookAgain), { everyMs: 100, withinMs: FOR_EVER, ...wait }).catch(async (cause) => {
    if (STOPPED.has((cause as MoveFailed).code)) {
      // With a full disk even this may not go; what was found is worth more than that.
      await pauseCopy(flow).catch(() => undefined);
    }
    throw cause;
  });
}

/** The processes that send and take rows now, one each for a table; those that follow changes are others. */
async function inBackground({ name, from, to }: Flow): Promise<void> {
  const senders = await from.query<{ pid: number }>(
    "select pid from pg_stat_activity where usename = $1 and backend_type = 'walsender' and query like 'COPY %'",
    [name],
  );
  const takers = await to.query<{ pid: number }>(
    "select pid from pg_stat_subscription where subname = $1 and relid is not null and pid is not null",
    [name],
  );
  from.background?.(senders.map(({ pid }) => pid));
  to.background?.(takers.map(({ pid }) => pid));
}

interface TableState {
  readonly name: string;
  /** Of `pg_subscription_rel`: `r` once all rows are there. */
  readonly state: string;
  /** On the target's disk. */
  readonly bytes: number;
}

async function tableStates({ name, to }: Flow): Promise<TableState[]> {
  return to.query<TableState>(
    `select r.srrelid::regclass::text as name, r.srsubstate as state, pg_table_size(r.srrelid)::float8 as bytes
     from pg_subscription_rel r join pg_subscription s on s.oid = r.srsubid where s.subname = $1`,
    [name],
  );
}

/** Makes what tells how far the copy is. Each table counts by its size at the source, as much of it as is at the target. */
async function copyProgress({ source, target }: Move, progress: StepContext["progress"]) {
  const size = new Map((await tables(source)).map((table) => [table.name, table.bytes]));
  const whole = [...size.values()].reduce((sum, bytes) => sum + bytes, 0);
  const began = performance.now();
  let first: number | undefined;
  return (states: readonly TableState[]) => {
    const here = states.reduce((sum, { name, state, bytes }) => {
      const full = size.get(name) ?? 0;
      return sum + (state === "r" || state === "s" ? full : Math.min(full, bytes));
    }, 0);
    first ??= here;
    const speed = (here - first) / (performance.now() - began);
    const remaining = speed > 0 ? { remainingMs: (whole - here) / speed } : {};
    const left = states.filter(({ state }) => state !== "r").length;
    const says = `copy ${source.name} to ${target.name}: ${left} of ${states.length} tables to go`;
    progress({ says, done: whole === 0 ? 1 : Math.min(1, here / whole), ...remaining });
  };
}

/**
 * Lets the target catch up until a mark takes no longer than `withinMs` to reach it, three times in a row.
 * @throws MoveFailed `move-disk-full`, `move-copy-stopped`, `move-stream-lost`; `move-late` when the source writes faster than the target can follow
 */
export async function catchUp(move: Move, context: StepContext, withinMs = 100): Promise<void> {
  const { signal, progress } = context;
  const flow = stream(move);
  await commitAtOnce(flow);
  const failed = await failureCount(flow);
  const limitMs = 3_600_000;
  const began = performance.now();
  for (let close = 0; close < 3; ) {
    await keepRoom(flow.to, context);
    await failIfStopped(flow, move.schema, failed);
    const behind = await lag(flow);
    progress({ says: `${flow.to.name} is ${Math.ceil(behind / 1_024)} KiB behind ${flow.from.name}` });
    const look = { withinMs: 5_000, signal };
    const took = await passMark(move, look.withinMs, look).catch((cause: unknown) => {
      if (!(cause instanceof MoveFailed) || cause.code !== "move-late") throw cause;
      if (performance.now() - began > limitMs) throw cause;
      return FOR_EVER;
    });
    close = took <= withinMs ? close + 1 : 0;
  }
}

/** WAL that the subscriber has not confirmed, in bytes. @throws MoveFailed `move-stream-lost` */
async function lag({ name, from }: Flow): Promise<number> {
  const [slot] = await from.query<{ behind: number; status: string }>(
    `select pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::float8 as behind, wal_status as status
     from pg_replication_slots where slot_name = $1`,
    [name],
  );
  if (slot !== undefined && slot.status !== "lost") return slot.behind;
  const says =
    slot === undefined ? `the slot ${name} is gone` : `the slot ${name} fell too far behind and lost its log`;
  throw new MoveFailed("move-stream-lost", { at: from.name, says, fix: "undo the move and start it again" });
}

async function failureCount({ name, to }: Flow): Promise<number> {
  const [row] = await to.query<{ failures: number }>(
    "select (apply_error_count + sync_error_count)::float8 as failures from pg_stat_subscription_stats where subname = $1",
    [name],
  );
  return row?.failures ?? 0;
}

async function failIfStopped(flow: Flow, schema: string, before: number): Promise<void> {
  await lag(flow);
  if ((await failureCount(flow)) - before < FAILURES) return;
  await tryRoom(flow.to, schema);
  const says = `it cannot take rows or changes of ${flow.from.name}`;
  const fix = `see the reason in the log of ${flow.to.name} (such as a value it refuses), then try again, or undo`;
  throw new MoveFailed("move-copy-stopped", { at: flow.to.name, says, fix });
}
