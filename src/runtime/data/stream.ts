import type { CompiledQuery, QueryResult } from "kysely";
import { callOf, rowsOf } from "./exchange.ts";
import type { Lease } from "./lease.ts";
import { resultOf } from "./result.ts";
import { ownStatement } from "./statement.ts";
import { encodeValues } from "./wire/values.ts";

const LEAST_CHUNK = 100;
let cursors = 0;

/**
 * Rows in chunks, through a cursor of the server, in the caller's transaction or in one of its own. Kysely asks for one
 * row at a time unless told otherwise; a trip for each would be all that happens, so at least {@link LEAST_CHUNK} come at
 * a time. A statement that changes rows cannot have a cursor: its rows come at once.
 */
export async function* streamRows<R>(
  lease: Lease,
  compiled: CompiledQuery,
  chunkSize: number,
): AsyncIterableIterator<QueryResult<R>> {
  if (compiled.query.kind !== "SelectQueryNode" && compiled.query.kind !== "RawNode") {
    yield await lease.executeQuery<R>(compiled);
    return;
  }
  const owned = !lease.inTransaction;
  const name = `c${++cursors}`;
  const perform = async (text: string, parameters: readonly unknown[] = []) => {
    const call = callOf(ownStatement(text, "", "unknown"), encodeValues(parameters));
    await lease.perform(call);
    return resultOf(call.tag, rowsOf(call)) as QueryResult<R>;
  };
  if (owned) lease.begin({});
  let finished = false;
  try {
    await perform(`declare ${name} no scroll cursor for ${compiled.sql}`, compiled.parameters);
    const fetch = `fetch ${Math.max(chunkSize, LEAST_CHUNK)} from ${name}`;
    for (let chunk = await perform(fetch); chunk.rows.length > 0; chunk = await perform(fetch)) yield chunk;
    finished = true;
  } finally {
    if (owned) await (finished ? lease.commit() : lease.rollback());
    else if (lease.usable) await perform(`close ${name}`);
  }
}
