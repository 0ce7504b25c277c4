import type { Kysely, Transaction } from "kysely";
import type { Logger } from "pino";

/** One run of a job, as its handler sees it. */
export interface Job<Payload> {
  readonly id: string;
  readonly name: string;
  readonly payload: Payload;
  /** 1 for the first try. */
  readonly attempt: number;
  readonly attempts: number;
  /** Aborted when the worker must end before the job did. */
  readonly signal: AbortSignal;
}

export interface JobResources<DB> {
  /**
   * A database whose statements all belong to one transaction that commits together with the mark that this job is done:
   * an effect in the database is applied once, however often the job is started.
   */
  readonly db: Kysely<DB>;
  /**
   * The database outside of that transaction, as a request has it: reads may go to standbys, and find what the job was
   * enqueued with, what its enqueuer had seen, and what the job has written here. What is written here commits by itself, so
   * at least once; what `db` has written is not to be seen here before the job is done.
   */
  readonly outside: Kysely<DB>;
  readonly jobs: Jobs<DB>;
  readonly log: Logger;
  readonly folder: string;
}

export interface JobDefinition<Payload, DB> {
  readonly run: (job: Job<Payload>, resources: JobResources<DB>) => Promise<void>;
  /** Tries before the job becomes a dead letter: 1 to 100, default 10. */
  readonly attempts?: number;
  /** Wait before the next try: `initialMs` (default 1,000) doubled for each failure up to `maxMs` (default 3,600,000), each with full jitter. */
  readonly backoff?: { readonly initialMs?: number; readonly maxMs?: number };
  /** Most runs of this job at a time in one worker; default: the worker's own limit. */
  readonly concurrency?: number;
  /** Runs the job by the clock: a cron expression (five fields, UTC). A scheduled run has the payload `{}`. */
  readonly schedule?: string;
}

export interface EnqueueOptions<DB> {
  /** The job exists if and only if this transaction commits. */
  readonly trx?: Transaction<DB>;
  /** Earliest start: milliseconds from now, or a date. */
  readonly delayMs?: number;
  readonly runAt?: Date;
  /** Lower runs earlier; default 0, -32,768 to 32,767. */
  readonly priority?: number;
  /** Jobs of one `orderKey` run one at a time, in the order they were enqueued. */
  readonly orderKey?: string;
  /** While a job with this key waits, enqueueing again replaces it instead of adding another. */
  readonly dedupeKey?: string;
}

export interface Jobs<DB> {
  /** Adds a job and gives its id. Throws UnknownJob for a name that the service does not define. */
  enqueue(name: string, payload: unknown, options?: EnqueueOptions<DB>): Promise<string>;
  /** Adds many jobs in one statement. */
  enqueueMany(name: string, payloads: readonly unknown[], options?: EnqueueOptions<DB>): Promise<readonly string[]>;
}
