import { randomBytes } from "node:crypto";
import type { TaskList, WorkerPool } from "graphile-worker";
import { type CustomTypesConfig, types } from "pg";
import { type FollowingPool, followingPool, type Place } from "./following.ts";
import { openLane } from "./lane.ts";
import { type HeldLease, takeLease } from "./lease.ts";
import { type Runs, taskFor } from "./run.ts";
import { timetable } from "./timetable.ts";

/** Connections a worker keeps for the queue itself, beside those of the handlers' transactions. */
export const QUEUE_CONNECTIONS = 3;

/** Longest time that handing back may take, in milliseconds: it waits, too, while the database is being moved. */
const RETIRE_MS = 4_000;

/** How often one of the workers clears away what no job needs any more, in milliseconds. */
const SWEEP_MS = 10_000;

/**
 * One life of a worker: a lease, and the lanes that work under it. A process begins a new life when the old one ended by
 * itself; what the old one still runs goes on under its own lease until it is done.
 */
export interface Life {
  readonly lease: HeldLease;
  /** Resolves with the reason when this life takes no more jobs and a new one should begin. */
  readonly over: Promise<string>;
  /**
   * Takes no more jobs, lets those that run end within the given time, and gives everything else back so that another worker
   * has it at once. Never fails: what cannot be given back now is taken over when the lease runs out.
   * @param withinMs Infinity waits for as long as they run
   */
  close(withinMs: number): Promise<void>;
}

export interface LifeOptions<DB> extends Runs<DB>, Place {
  readonly instance: string;
  readonly concurrency: number;
}

/** @throws the errors of `pg` when the database cannot be reached */
export async function beginLife<DB>(options: LifeOptions<DB>): Promise<Life> {
  const { log } = options;
  const worker = `${options.instance}/${randomBytes(6).toString("hex")}`;
  const named = { application_name: worker, keepAlive: true };
  const pool = followingPool(options, { ...named, max: QUEUE_CONNECTIONS - 1, types: plainDates });
  const patience = { connectionTimeoutMillis: 3_000, query_timeout: 4_000 };
  const leasePool = followingPool(options, { ...named, ...patience, max: 1 });
  const { promise: over, resolve: end } = Promise.withResolvers<string>();
  const tick = timetable(pool, options.jobs.values() as Iterable<never>);

  let lost = false;
  const lease = await takeLease({
    pool: leasePool,
    worker,
    onRenewed: (nowMs) =>
      void tick(nowMs).catch((err) => log.warn({ err }, "a schedule was not looked at; trying again")),
    onLost: () => {
      lost = true;
      end("another worker took its jobs over");
    },
    onTrouble: (cause) => log.warn({ err: cause, worker }, "the lease was not renewed"),
  }).catch(async (cause) => {
    await endPools(pool, leasePool);
    throw cause;
  });
  const sweep = setInterval(() => {
    pool.query("select ninefold.sweep()").catch((err) => log.debug({ err }, "the queue was not swept; trying again"));
  }, SWEEP_MS);

  const lanes = openLanes(options, lease, pool, (cause) => end(String(cause)));
  let closed: Promise<void> | undefined;
  const close = async (withinMs: number): Promise<void> => {
    clearInterval(sweep);
    const ended = Promise.allSettled(lanes.map((lane) => shutDown(lane, lease)));
    const inTime = lost ? false : await before(withinMs, ended);
    lease.abort();
    lease.stop();
    if (!lost) {
      // Jobs given back here never count as tried. Also releases what a lane could not write down before it ended.
      const retired = leasePool
        .query("select ninefold.retire($1, null)", [worker])
        .catch((err) => log.warn({ err, worker }, "jobs were not handed back; another worker takes them over"));
      await before(RETIRE_MS, retired);
    }
    if (!inTime) for (const lane of lanes) Promise.resolve(lane.forcefulShutdown("handed back")).catch(() => {});
    await endPools(pool, leasePool);
  };
  return {
    lease,
    over,
    close: (withinMs) => {
      closed ??= close(withinMs);
      return closed;
    },
  };
}

/** A lane for each job with a limit of its own, and one for all the others. */
function openLanes<DB>(
  options: LifeOptions<DB>,
  lease: HeldLease,
  pool: FollowingPool,
  onEnd: (cause: unknown) => void,
): WorkerPool[] {
  const common: TaskList = {};
  const groups: Array<{ tasks: TaskList; concurrency: number }> = [];
  for (const known of options.jobs.values()) {
    const task = taskFor(known, options, lease);
    if (known.concurrency !== undefined && known.concurrency < options.concurrency) {
      groups.push({ tasks: { [known.name]: task }, concurrency: known.concurrency });
    } else {
      common[known.name] = task;
    }
  }
  if (Object.keys(common).length > 0) groups.push({ tasks: common, concurrency: options.concurrency });
  return groups.map((group) =>
    openLane({ ...group, worker: lease.worker, signal: lease.signal, pool, log: options.log, onEnd }),
  );
}

async function shutDown(lane: WorkerPool, lease: HeldLease): Promise<void> {
  if (!lane._shuttingDown) await lane.gracefulShutdown();
  // One that ended by itself may never say that it is done (lane.ts); what counts is that none of its jobs runs any more.
  else await Promise.race([lane.promise, idle(lease)]);
}

function idle({ running }: HeldLease): Promise<void> {
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (running.size > 0) return;
      clearInterval(timer);
      resolve();
    }, 20);
  });
}

async function before(withinMs: number, work: Promise<unknown>): Promise<boolean> {
  if (withinMs === Number.POSITIVE_INFINITY) return work.then(() => true);
  const { promise: late, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(resolve, withinMs, false);
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Does not wait for a statement that is still under way: its connection may lead to a database that never answers. */
async function endPools(...pools: FollowingPool[]): Promise<void> {
  await before(1_000, Promise.allSettled(pools.map((pool) => pool.end())));
}

/** The library fetches four dates with each job and looks at none: reading them is a fifth of what an empty job costs. */
const plainDates: CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    oid === types.builtins.TIMESTAMPTZ ? (text: string) => text : types.getTypeParser(oid, format),
};
