import { setTimeout as delay } from "node:timers/promises";
import type { ClientBase } from "pg";
import { longestTransaction } from "./fence.ts";
import { passMark } from "./marker.ts";
import type { Move, StepContext } from "./move.ts";
import { type Difference, MoveDiffers } from "./problem.ts";
import { columnsOf, keysOf, type Range, rangeSql } from "./ranges.ts";
import { type Table, tables } from "./relations.ts";
import { untilLocked } from "./wait.ts";

/** Rows in one checksum: few enough to be summed in milliseconds, many enough that there are not too many. */
const ROWS = 10_000;
/** Rows in a range that is compared while its table is closed to writers for those milliseconds. */
const LOCKED_ROWS = 1_000;
const DIFFERENCES = 20;

interface Sum {
  readonly rows: number;
  readonly sum: string;
}

/**
 * Compares every row of both sides by checksums of ranges of keys, while the source is written to. A range whose sums are equal is
 * equal, at whatever moment each was taken. One that differs may only be on its way, so it is compared again after a mark has
 * passed, and at last, in small parts, at one position: with its table closed to writers for the milliseconds that takes.
 * @throws MoveDiffers naming tables and ranges, 20 at most
 */
export async function verify(move: Move, context: StepContext): Promise<void> {
  const { source, target } = move;
  await source.inBackground(
    (here) => target.inBackground((there) => verifyBy(move, [here, there], context), context.signal),
    context.signal,
  );
}

/** Connections to source and target for what takes long. */
type Readers = readonly [source: ClientBase, target: ClientBase];

async function verifyBy(move: Move, readers: Readers, context: StepContext): Promise<void> {
  const { source, target } = move;
  const [reader] = readers;
  const list = await tables(source);
  const whole = list.reduce((sum, table) => sum + table.bytes, 1);
  const differences: Difference[] = [];
  const began = performance.now();
  let done = 0;
  for (const table of list) {
    const keys = await keysOf(source, table.name);
    const columns = await columnsOf(source, table.name);
    for (let from: readonly string[] | undefined; ; ) {
      context.signal.throwIfAborted();
      const range: Range = { table: table.name, columns, keys, from, rows: ROWS };
      const end = await endOf(reader, range);
      const rangeBegan = performance.now();
      const found = await compare(move, readers, { ...range, to: end }, context);
      // As long at rest as at work: comparing must not take the service's processors.
      await delay(performance.now() - rangeBegan);
      differences.push(...found);
      if (differences.length >= DIFFERENCES) throw new MoveDiffers(target.name, differences.slice(0, DIFFERENCES));
      if (end === undefined) break;
      from = end;
      tell(table, from);
    }
    done += table.bytes;
    tell(table);
  }
  if (differences.length > 0) throw new MoveDiffers(target.name, differences);

  function tell(table: Table, key?: readonly string[]): void {
    const part = done / whole;
    const spentMs = performance.now() - began;
    const remaining = part > 0 ? { remainingMs: (spentMs / part) * (1 - part) } : {};
    context.progress({
      says: `compare ${table.name}${key ? ` from ${key.join(", ")}` : ""}`,
      done: part,
      ...remaining,
    });
  }
}

async function compare(move: Move, readers: Readers, range: Range, context: StepContext): Promise<Difference[]> {
  if (await equal(readers, range)) return [];
  for (let tries = 0; tries < 2; tries += 1) {
    await passMark(move, 60_000, context);
    if (await equal(readers, range)) return [];
  }
  return compareLocked(move, readers, range, context);
}

/** In parts small enough to hold the lock for each. */
async function compareLocked(move: Move, [reader]: Readers, range: Range, context: StepContext): Promise<Difference[]> {
  const found: Difference[] = [];
  for (let from = range.from; ; ) {
    const part = { ...range, from, rows: LOCKED_ROWS };
    const end = (await endOf(reader, part, range.to)) ?? range.to;
    const difference = await atOnePosition(move, { ...part, to: end }, context);
    if (difference !== undefined) found.push(difference);
    if (end === range.to || found.length >= DIFFERENCES) return found;
    from = end;
  }
}

async function atOnePosition(move: Move, range: Range, context: StepContext): Promise<Difference | undefined> {
  const { source, target } = move;
  const [here, there] = await untilLocked(
    () =>
      source.apart(async (client) => {
        await client.query("begin; set local lock_timeout = 100; set local deadlock_timeout = '20ms'");
        await client.query(`lock table ${range.table} in share mode`);
        await passMark(move, 2_000, context);
        const { text, values } = rangeSql(range);
        const there = target.query<Sum>(text, values).then((rows) => rows[0]);
        return Promise.all([sumOf(client, range), there]);
      }, context.signal),
    {
      withinMs: 60_000,
      signal: context.signal,
      at: range.table,
      what: "close the table to writers for a moment, to compare it",
      blocker: () => longestTransaction(source),
    },
  );
  if (here !== undefined && here.rows === there?.rows && here.sum === there.sum) return undefined;
  const ends = { from: range.from?.join(", ") ?? "the first", to: range.to?.join(", ") ?? "the last" };
  return {
    table: range.table,
    ...(range.keys.length === 0 ? {} : { range: ends }),
    rows: [here?.rows ?? 0, there?.rows ?? 0],
  };
}

async function equal([source, target]: Readers, range: Range): Promise<boolean> {
  // One after the other: both at once would keep two processors from the service.
  const here = await sumOf(source, range);
  const there = await sumOf(target, range);
  return here !== undefined && here.rows === there?.rows && here.sum === there.sum;
}

async function sumOf(client: ClientBase, range: Range): Promise<Sum | undefined> {
  const { text, values } = rangeSql(range);
  return (await client.query<Sum>(text, values)).rows[0];
}

/** Key of the last row of the range that begins here, or undefined when it reaches the end (of the table, or `within`). */
async function endOf(
  client: ClientBase,
  range: Range,
  within?: readonly string[],
): Promise<readonly string[] | undefined> {
  const { keys, table, from, rows } = range;
  if (keys.length === 0) return undefined;
  const { where, values } = rangeSql({ ...range, to: within });
  const shown = keys.map((key, index) => `${key.name}::text as k${index}`).join(", ");
  const order = keys.map((key) => key.name).join(", ");
  const found = await client.query<Record<string, string>>(
    `select ${shown} from only ${table} ${where} order by ${order} offset ${rows - 1} limit 1`,
    values,
  );
  const [row] = found.rows;
  if (row === undefined) return undefined;
  const end = keys.map((_, index) => row[`k${index}`] ?? "");
  return from !== undefined && end.join("\0") === from.join("\0") ? undefined : end;
}
