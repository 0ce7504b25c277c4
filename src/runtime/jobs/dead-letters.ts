import { type QueryExecutorProvider, sql } from "kysely";

/** A job that failed as often as it may. It stays until it is replayed or discarded, and blocks nothing. */
export interface DeadLetter {
  readonly id: string;
  readonly name: string;
  readonly payload: unknown;
  readonly orderKey: string | null;
  readonly attempts: number;
  /** What the last try failed with, with its stack; null when it left no word. */
  readonly error: string | null;
  readonly enqueuedAt: Date;
}

const DEAD = sql`j.locked_at is null and j.attempts >= j.max_attempts`;

/**
 * Dead letters, oldest first.
 * @param options.name only jobs of this name
 * @param options.after id of the last one seen, to go on after it
 * @param options.limit from 1; default 100
 */
export async function listDeadLetters(
  db: QueryExecutorProvider,
  options: { name?: string; after?: string; limit?: number } = {},
): Promise<DeadLetter[]> {
  const { rows } = await sql<DeadLetter>`
    select j.id::text as id, t.identifier as name, j.payload->'payload' as payload, q.queue_name as "orderKey",
      j.attempts, j.last_error as error, j.created_at as "enqueuedAt"
    from graphile_worker._private_jobs j
    join graphile_worker._private_tasks t on t.id = j.task_id
    left join graphile_worker._private_job_queues q on q.id = j.job_queue_id
    where ${DEAD} and j.id > ${options.after ?? "0"}::bigint and (${options.name ?? null}::text is null or t.identifier = ${options.name ?? null}::text)
    order by j.id limit ${options.limit ?? 100}
  `.execute(db);
  return rows;
}

/**
 * Gives dead letters all their tries again, from now. A job of an order key goes to the end of its key.
 * @returns ids of those replayed: those given that are dead letters
 */
export async function replayDeadLetters(db: QueryExecutorProvider, ids: readonly string[]): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    update graphile_worker._private_jobs j set attempts = 0, run_at = clock_timestamp(), updated_at = now()
    where ${DEAD} and j.id = any(string_to_array(${ids.join(",")}, ',')::bigint[]) returning j.id::text as id
  `.execute(db);
  return rows.map(({ id }) => id);
}

/** Deletes dead letters for good. @returns ids of those deleted */
export async function discardDeadLetters(db: QueryExecutorProvider, ids: readonly string[]): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    delete from graphile_worker._private_jobs j where ${DEAD} and j.id = any(string_to_array(${ids.join(",")}, ',')::bigint[]) returning j.id::text as id
  `.execute(db);
  return rows.map(({ id }) => id);
}
