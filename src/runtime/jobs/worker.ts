import type { Logger } from "pino";
import { type JobDefinitions, knownJobs } from "./definition.ts";
import type { Place } from "./following.ts";
import { beginLife, type Life } from "./life.ts";
import type { Runs } from "./run.ts";
import { slots } from "./slots.ts";

/** Where the queue is: see {@link QUEUE_CONNECTIONS} for how many connections it takes. */
export interface WorkerOptions<DB> extends Place {
  readonly jobs: JobDefinitions<DB>;
  /** Opens the transaction of one run of a job, `(prologue) => lazyTransaction(database, { prologue })`: at most `concurrency` at a time. */
  readonly transaction: Runs<DB>["transaction"];
  /** Name of this instance, such as `dc1.worker.1@7`: what the holder of a job is called in the database. */
  readonly instance: string;
  /** Most jobs that run at a time in this process, from 1. */
  readonly concurrency: number;
  readonly log: Logger;
  readonly folder: string;
  /** In [0, 1), for the jitter of retries. */
  readonly random?: () => number;
}

export interface WorkerStats {
  /** Whether the worker holds a lease, and so takes jobs. */
  readonly ready: boolean;
  readonly running: number;
  /** Since the process began: jobs done, tries that failed, and jobs that failed for the last time. */
  readonly completed: number;
  readonly failed: number;
  readonly dead: number;
}

export interface JobWorker {
  /**
   * Takes no more jobs, lets running ones end, and hands the rest to other workers at once when the time is over.
   * @param withinMs longest wait for running jobs, in milliseconds
   */
  drain(withinMs: number): Promise<void>;
  stats(): WorkerStats;
}

/**
 * Runs the jobs of a service until it is drained. It survives the loss of the database, and of its lease: it begins
 * anew as soon as the database answers. When the database moves, it goes on there under the same lease, which has moved, too. With no jobs defined it does nothing.
 * @throws BadJobDefinition
 */
export function startWorker<DB>(options: WorkerOptions<DB>): JobWorker {
  const jobs = knownJobs(options.jobs);
  const { log, concurrency } = options;
  const counts = { completed: 0, failed: 0, dead: 0 };
  const limited = [...jobs.values()].some((job) => job.concurrency !== undefined && job.concurrency < concurrency);
  const lifeOptions = {
    ...options,
    jobs,
    counts,
    random: options.random ?? Math.random,
    // One lane keeps its own limit; several share the worker's.
    slots: limited ? slots(concurrency) : undefined,
  };

  const { promise: stopped, resolve: stop } = Promise.withResolvers<"stopped">();
  const lives = new Set<Life>();
  let current: Life | undefined;
  let stopping = false;

  const live = async (): Promise<void> => {
    while (!stopping && jobs.size > 0) {
      try {
        current = await beginLife<DB>(lifeOptions);
      } catch (err) {
        log.warn({ err }, "the job worker cannot reach its database; trying again");
        await Promise.race([stopped, pause(250 + 250 * lifeOptions.random())]);
        continue;
      }
      const life = current;
      lives.add(life);
      log.info({ worker: life.lease.worker }, "looking for jobs");
      const reason = await Promise.race([stopped, life.over]);
      current = undefined;
      if (reason === "stopped") return;
      log.warn({ worker: life.lease.worker, reason }, "the job worker begins anew");
      void life.close(Number.POSITIVE_INFINITY).then(() => lives.delete(life));
    }
  };
  const living = live();

  return {
    async drain(withinMs) {
      stopping = true;
      stop("stopped");
      await living;
      await Promise.all([...lives].map((life) => life.close(withinMs)));
    },
    stats: () => ({
      ready: current !== undefined,
      running: [...lives].reduce((sum, life) => sum + life.lease.running.size, 0),
      ...counts,
    }),
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
