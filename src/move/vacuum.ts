import type { Move, StepContext } from "./move.ts";
import { tables } from "./relations.ts";

/** Slow enough that commits, whose log is written to the same disk, need not wait for what this writes (manual 20.4.4). */
const VACUUM = `set vacuum_cost_delay = '2ms'; set vacuum_cost_limit = 300; set lock_timeout = '1s'; set deadlock_timeout = '20ms'`;

/**
 * Vacuums what was written since the last time, gently, so that the copy reads pages and does not write them: the first reader of a row
 * marks it as committed, and with checksums each page marked so goes to the log, in front of everybody's commits (manual 20.5.1,
 * `wal_log_hints`). An autovacuum under way makes room. A table that somebody else has locked stays as it is.
 */
export async function vacuumSource({ source }: Move, { signal, progress }: StepContext): Promise<void> {
  const list = await tables(source);
  const whole = list.reduce((sum, table) => sum + table.bytes, 1);
  let done = 0;
  await source.apart(async (client) => {
    await client.query(VACUUM);
    for (const { name, bytes } of list) {
      signal.throwIfAborted();
      progress({
        says: `vacuum ${name} of ${source.name}, so that it can be read without writing`,
        done: done / whole,
      });
      // Cutting off empty pages at the end would lock out readers.
      await client.query(`vacuum (truncate false, parallel 0) ${name}`).catch(unlessLocked);
      done += bytes;
    }
  }, signal);
}

/** Also a table that was dropped meanwhile. */
function unlessLocked(cause: unknown): void {
  const { code = "" } = cause as { code?: string };
  if (code !== "55P03" && code !== "42P01") throw cause;
}
