import { setTimeout as delay } from "node:timers/promises";
import type { QueryConfig, QueryResult } from "pg";

type Send = (statement: QueryConfig) => Promise<QueryResult>;

/** A lane's statements on their way to the database. */
export interface Taking {
  readonly send: Send;
  /** Gives back, now that no more are taken, what may have been taken at last; until that is done or `signal` is aborted. */
  settle(signal: AbortSignal): Promise<void>;
}

/** Between two tries, milliseconds. */
const AGAIN_MS = 200;

/**
 * Sends a lane's statements and knows by them which jobs the lane has. A statement that takes jobs and whose answer is lost, as
 * when the database's server ends beneath it, may have taken some: nobody would run those, since the lane does not know of them
 * and its lease is renewed. So before it takes the next ones, whatever the database calls its own and it does not is given back.
 *
 * The library (version 0.18.0) names its statements after what they do, and a lane takes one batch at a time.
 * @param worker identity in `locked_by`
 */
export function countingTaken(worker: string, send: Send): Taking {
  /** How often each job was taken more than ended: a job that failed may be taken again before the answer that it has. */
  const taken = new Map<string, number>();
  /** Numbers of the tasks whose jobs a statement without an answer may have taken. */
  let doubtful: unknown;
  let taking: Promise<unknown> = Promise.resolve();

  const count = (id: string, by: 1 | -1) => {
    const now = (taken.get(id) ?? 0) + by;
    if (now === 0) taken.delete(id);
    else taken.set(id, now);
  };
  const giveBack = async () => {
    if (doubtful === undefined) return;
    const text = "select ninefold.hand_back_unknown($1, $2, $3)";
    await send({ text, values: [worker, doubtful, [...taken.keys()]] });
    doubtful = undefined;
  };
  const take = async (statement: QueryConfig): Promise<QueryResult> => {
    await giveBack();
    const [, tasks] = statement.values ?? [];
    doubtful = tasks;
    const answer = send(statement);
    taking = answer.catch(() => undefined);
    const result = await answer;
    doubtful = undefined;
    for (const { id } of result.rows) count(id, 1);
    return result;
  };
  return {
    async send(statement) {
      if (statement.name?.startsWith("get_job") === true) return take(statement);
      const result = await send(statement);
      for (const id of endedBy(statement)) count(id, -1);
      return result;
    },
    async settle(signal) {
      await taking;
      while (doubtful !== undefined && !signal.aborted) {
        await giveBack().catch(() => delay(AGAIN_MS, undefined, { signal }).catch(() => undefined));
      }
    },
  };
}

/** Ids of the jobs that a lane has no longer after a statement. */
function endedBy({ name = "", values = [] }: QueryConfig): readonly string[] {
  const [first, second] = values;
  if (name.startsWith("complete_job")) return [first].flat();
  if (name.startsWith("return_job")) return second;
  if (/^fail_job(_q)?\//.test(name)) return JSON.parse(second).map(({ jobId }: { jobId: string }) => jobId);
  return [];
}
