import { EventEmitter } from "node:events";
import type { TaskList, WorkerEvents, WorkerPool } from "graphile-worker";
import type { Pool, QueryConfig } from "pg";
import type { Logger } from "pino";
import { nextFetchSize } from "./fetch-size.ts";
import type { FollowingPool } from "./following.ts";
import { library, libraryLog } from "./library.ts";
import { countingTaken, type Taking } from "./taken.ts";

/** How often an idle lane looks for jobs, in milliseconds: half of it is the typical pick-up time of a new job. */
const POLL_MS = 50;
/** Most jobs taken from the database at a time; the library's published figures are made with this. */
const MOST_FETCHED = 500;

export interface LaneOptions {
  /** Identity of the worker, written to `locked_by` of the jobs it holds. */
  readonly worker: string;
  readonly tasks: TaskList;
  /** Most jobs that run at a time in this lane. */
  readonly concurrency: number;
  readonly pool: FollowingPool;
  /** Aborted when all that the worker holds is given back or lost. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Called when the lane begins to end, also when the library gives up by itself because it could not write that a job is done. */
  readonly onEnd: (cause: unknown) => void;
}

/**
 * One pool of the library's workers. A job with a concurrency limit of its own has a lane of its own, so that its waiting
 * runs take no place of other jobs.
 */
export function openLane(options: LaneOptions): WorkerPool {
  const { worker, tasks, concurrency, pool, log } = options;
  const taking = countingTaken(worker, (statement) => pool.asPool.query(statement));
  const events = new EventEmitter() as WorkerEvents;
  // Runs before the first fetch. The library would choose the identity itself, after which no lease could be ready for it.
  events.on("pool:create", ({ workerPool }) => {
    workerPool.id = worker;
  });
  adaptFetchSize(events, concurrency);
  handBackOnShutdown(options, taking, events);
  // Not the lane's promise: version 0.18.0 may never settle it once it could not write down that jobs ended.
  events.on("pool:gracefulShutdown", ({ message }) => options.onEnd(message));
  const lane = library().runTaskList(
    {
      noHandleSignals: true,
      logger: libraryLog(log),
      events,
      preset: {
        worker: {
          concurrentJobs: concurrency,
          pollInterval: POLL_MS,
          localQueue: { size: concurrency },
          // Also with 0 it collects what ends in one turn of the event loop, and that is what makes it fast.
          completeJobBatchDelay: 0,
          failJobBatchDelay: 0,
        },
      },
    },
    tasks,
    libraryPool(options, taking),
  );
  // The next job of the same order key can start once this one is written as done, a few milliseconds from now.
  events.on("job:complete", ({ job }) => {
    if (job.job_queue_id !== null) setTimeout(() => lane.nudge(1), 5).unref();
  });
  lane.promise.catch(options.onEnd);
  return lane;
}

/** The library reads the size at every fetch but has no setter for it. */
function adaptFetchSize(events: WorkerEvents, concurrency: number): void {
  let asked = concurrency;
  let got = 0;
  let at = performance.now();
  events.on("localQueue:getJobs:complete", ({ localQueue, jobs }) => {
    const now = performance.now();
    const next = nextFetchSize({ asked, got, lastedMs: now - at }, concurrency, MOST_FETCHED);
    Object.assign(localQueue, { getJobBatchSize: next });
    got = jobs.length;
    at = now;
    asked = next;
  });
}

/**
 * Gives back what was fetched but not begun, as soon as the lane ends in whatever way. The library means to do this itself, but
 * version 0.18.0 fails there when nothing else is under way ("Cannot background something when the queue is already released"),
 * then ends without waiting for running jobs, and ends the process if its statement fails: so it finds nothing to give back.
 */
function handBackOnShutdown({ worker, pool, signal, log }: LaneOptions, taking: Taking, events: WorkerEvents): void {
  let fetched: Array<{ id: string }> = [];
  events.on("localQueue:init", ({ localQueue }) => {
    fetched = (localQueue as unknown as { jobQueue: Array<{ id: string }> }).jobQueue;
  });
  events.on("pool:gracefulShutdown", () => {
    void taking.settle(signal);
    const ids = fetched.splice(0).map(({ id }) => id);
    if (ids.length === 0) return;
    // What is not given back here is when the lease ends.
    pool
      .query("select ninefold.hand_back($1, $2)", [worker, ids])
      .catch((err) => log.debug({ err }, "not handed back"));
  });
}

/**
 * The library keeps one connection in LISTEN, which it asks for with a callback. Nothing here notifies (schema/enqueue.ts says
 * why), so it gets none: a connection less for each lane, and no session that holds back vacuum when it hangs.
 *
 * It asks once for the numbers of its tasks, and version 0.18.0 keeps what comes of that for good, an error too: such a lane
 * would never take a job, and ends.
 */
function libraryPool({ pool, onEnd }: LaneOptions, taking: Taking): Pool {
  const query = (given: string | QueryConfig, values: unknown[] = []) => {
    const statement = typeof given === "string" ? { text: given, values } : given;
    return taking.send(statement).catch((error: unknown) => {
      if (statement.text.includes("_private_tasks as tasks")) onEnd(error);
      throw error;
    });
  };
  const client = { query, release: () => undefined };
  const connect = (callback?: unknown) => (callback === undefined ? Promise.resolve(client) : undefined);
  return Object.assign(Object.create(pool.asPool) as Pool, { connect });
}
