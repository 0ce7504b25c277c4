import { type QueryExecutorProvider, sql } from "kysely";
import { carriedBy, currentSession } from "../session/index.ts";
import type { KnownJob } from "./definition.ts";
import { BadJobOptions, UnknownJob } from "./errors.ts";
import type { EnqueueOptions, Jobs } from "./job.ts";
import { encodePayload } from "./payload.ts";

/** What is stored for a job. */
export interface Envelope {
  readonly payload: unknown;
  /** What the session knew that enqueued it; see `carriedBy` of runtime/session. */
  readonly session?: unknown;
}

/**
 * The enqueueing side of jobs. Each call is one statement: on the caller's transaction when it passes one, else on `db`.
 * @param db where jobs are written when the caller passes no transaction
 */
export function createJobs<DB>(options: {
  readonly db: QueryExecutorProvider;
  readonly jobs: ReadonlyMap<string, KnownJob<DB>>;
}): Jobs<DB> {
  const add = async (name: string, envelopes: string, given: EnqueueOptions<DB>): Promise<string[]> => {
    const known = options.jobs.get(name);
    if (known === undefined) throw new UnknownJob(name, [...options.jobs.keys()]);
    const { runAt, delayMs, priority, orderKey, dedupeKey } = checked(name, given);
    const { rows } = await sql<{ id: string }>`
      select ninefold.enqueue(${name}::text, ${envelopes}::json, ${known.attempts}::int,
        ${runAt?.toISOString() ?? null}::timestamptz, ${delayMs ?? null}::float8, ${priority ?? null}::int,
        ${orderKey ?? null}::text, ${dedupeKey === undefined ? null : `${name}:${dedupeKey}`}::text)::text as id
    `.execute(given.trx ?? options.db);
    return rows.map(({ id }) => id);
  };
  return {
    enqueue: async (name, payload, given = {}) => {
      const [id] = await add(name, `[${envelope(payload, "payload")}]`, given);
      if (id === undefined) throw new Error(`ninefold.enqueue gave no id for the job ${name}`);
      return id;
    },
    enqueueMany: async (name, payloads, given = {}) => {
      if (given.dedupeKey !== undefined && payloads.length > 1) {
        const says = `${payloads.length} jobs with one dedupeKey would replace each other`;
        throw new BadJobOptions("options.dedupeKey", says, "Enqueue one job, or leave dedupeKey out");
      }
      const envelopes = payloads.map((payload, i) => envelope(payload, `payloads[${i}]`));
      return add(name, `[${envelopes.join(",")}]`, given);
    },
  };
}

function envelope(payload: unknown, at: string): string {
  const carried = carriedBy(currentSession());
  const session = carried === undefined ? "" : `,"session":${JSON.stringify(carried)}`;
  return `{"payload":${encodePayload(payload, at)}${session}}`;
}

function checked<DB>(name: string, options: EnqueueOptions<DB>): EnqueueOptions<DB> {
  const { runAt, delayMs, priority, orderKey, dedupeKey } = options;
  const refuse = (field: string, says: string, fix: string): never => {
    throw new BadJobOptions(`options.${field} of the job ${name}`, says, fix);
  };
  if (runAt !== undefined && delayMs !== undefined) refuse("runAt", "delayMs is given too", "Give one of them");
  if (runAt !== undefined && Number.isNaN(runAt.getTime())) refuse("runAt", "the date is invalid", "Pass a valid Date");
  if (delayMs !== undefined && !(delayMs >= 0 && delayMs <= 3_155_760_000_000)) {
    refuse("delayMs", `${delayMs} is not a number of milliseconds from 0 to a hundred years`, "Change it");
  }
  if (priority !== undefined && !(Number.isInteger(priority) && priority >= -32_768 && priority <= 32_767)) {
    refuse("priority", `${priority} is not a whole number from -32768 to 32767`, "Change it");
  }
  for (const [field, key, most] of [["orderKey", orderKey, 128] as const, ["dedupeKey", dedupeKey, 400] as const]) {
    if (key === undefined) continue;
    if (key.length < 1 || key.length > most || key.includes("\0")) {
      refuse(field, `a key has 1 to ${most} characters and no NUL`, "Use a shorter key, such as a hash of it");
    }
  }
  return options;
}
