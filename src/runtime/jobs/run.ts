import type { Task } from "graphile-worker";
import { CompiledQuery, type Kysely } from "kysely";
import type { Logger } from "pino";
import { isFromMove, type LazyTransaction } from "../data/index.ts";
import { carryOn, runWithSession } from "../session/index.ts";
import { retryDelay } from "./backoff.ts";
import type { KnownJob } from "./definition.ts";
import { createJobs, type Envelope } from "./enqueue.ts";
import { ALREADY_APPLIED, LEASE_LOST, refusedWith } from "./errors.ts";
import type { Job, JobResources, Jobs } from "./job.ts";
import type { Lease } from "./lease.ts";
import type { Slots } from "./slots.ts";

/** What the runs of a worker's jobs share. */
export interface Runs<DB> {
  readonly jobs: ReadonlyMap<string, KnownJob<DB>>;
  /** Opens the transaction of one run, whose first statement is preceded by `prologue`; see `lazyTransaction` of runtime/data. */
  readonly transaction: (prologue: CompiledQuery) => LazyTransaction<DB>;
  readonly log: Logger;
  readonly folder: string;
  /** In [0, 1), for the jitter of retries. */
  readonly random: () => number;
  readonly counts: { completed: number; failed: number; dead: number };
  readonly slots: Slots | undefined;
}

/** What our failed try tells the trigger `ninefold_settle`, in the one string that the library carries for us. */
class Verdict extends Error {
  constructor(delayMs: number, counts: boolean, error: string) {
    super(`ninefold:${JSON.stringify({ delayMs, counts, error })}`);
  }
}

/** The library's task for one job of the service. */
export function taskFor<DB>(known: KnownJob<DB>, runs: Runs<DB>, lease: Lease): Task {
  return async (envelope, helpers) => {
    const { id, attempts: attempt, max_attempts: attempts } = helpers.job;
    const release = runs.slots === undefined ? undefined : await runs.slots.take();
    lease.running.add(id);
    const effect = new Effect(id, known.name, runs, lease);
    try {
      // Noted first, a try counts even if it kills the worker: see schema/lease.ts.
      if ((attempt > 1 || attempts === 1) && (await lease.note()).has(id)) return;
      const { payload, session } = envelope as Envelope;
      const job: Job<unknown> = { id, name: known.name, payload, attempt, attempts, signal: lease.signal };
      await runWithSession(carryOn(session), async () => {
        await known.run(job, effect);
        await effect.transaction?.commit();
      });
      runs.counts.completed += 1;
    } catch (error) {
      await effect.transaction?.rollback();
      if (refusedWith(ALREADY_APPLIED, error)) return;
      throw verdictOn(error, known, attempt, attempts, id, runs, lease);
    } finally {
      lease.running.delete(id);
      release?.();
    }
  };
}

function verdictOn<DB>(
  error: unknown,
  known: KnownJob<DB>,
  attempt: number,
  attempts: number,
  id: string,
  runs: Runs<DB>,
  lease: Lease,
): Verdict {
  const said = { err: error, job: known.name, jobId: id, attempt, attempts };
  if (lease.signal.aborted || refusedWith(LEASE_LOST, error) || isFromMove(error)) {
    runs.log.info(said, "job handed back");
    return new Verdict(0, false, "handed back");
  }
  runs.counts.failed += 1;
  if (attempt >= attempts) {
    runs.counts.dead += 1;
    runs.log.error(said, "job failed for the last time and is now a dead letter");
  } else {
    runs.log.warn(said, "job failed and will be tried again");
  }
  return new Verdict(retryDelay(attempt, known.backoff, runs.random()), true, textOf(error));
}

/** What a run may use. Nothing is made, and nothing is sent, until the handler reaches for it. */
class Effect<DB> implements JobResources<DB> {
  readonly folder: string;
  transaction: LazyTransaction<DB> | undefined;
  readonly #id: string;
  readonly #name: string;
  readonly #runs: Runs<DB>;
  readonly #lease: Lease;
  #jobs: Jobs<DB> | undefined;
  #log: Logger | undefined;

  constructor(id: string, name: string, runs: Runs<DB>, lease: Lease) {
    this.folder = runs.folder;
    this.#id = id;
    this.#name = name;
    this.#runs = runs;
    this.#lease = lease;
  }

  get db(): Kysely<DB> {
    return this.#begun().db;
  }

  get outside(): Kysely<DB> {
    return this.#begun().outside;
  }

  /** Jobs that a job enqueues belong to its effect: they exist if and only if it is applied. */
  get jobs(): Jobs<DB> {
    this.#jobs ??= createJobs({ db: this.db, jobs: this.#runs.jobs });
    return this.#jobs;
  }

  #begun(): LazyTransaction<DB> {
    const { worker, number } = this.#lease;
    this.transaction ??= this.#runs.transaction(prologue(this.#id, worker, number));
    return this.transaction;
  }

  get log(): Logger {
    this.#log ??= this.#runs.log.child({ job: this.#name, jobId: this.#id });
    return this.#log;
  }
}

function prologue(id: string, worker: string, number: number): CompiledQuery {
  return CompiledQuery.raw("select ninefold.claim_effect($1::bigint, $2::text, $3::int)", [id, worker, number]);
}

/** At most 8,000 characters that PostgreSQL's json type can give back as text. */
function textOf(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return text.replaceAll("\0", "").slice(0, 8_000).toWellFormed();
}
