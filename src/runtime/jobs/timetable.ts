import type { KnownJob } from "./definition.ts";
import type { FollowingPool } from "./following.ts";
import { type CronMatch, latestTick } from "./schedule.ts";

interface Scheduled {
  readonly name: string;
  readonly attempts: number;
  readonly match: CronMatch;
  /** Last tick known to be enqueued, by whichever worker; milliseconds since 1970. */
  last: number;
}

/** Moves a job's last tick forward and enqueues it in the same statement, so a tick is run once however many workers try. */
const FIRE = `
with due as (
  update ninefold.schedules set last_tick = to_timestamp($2 / 1000.0) where job = $1 and last_tick < to_timestamp($2 / 1000.0)
  returning job
)
select ninefold.enqueue(job, '[{"payload":{}}]', $3, null, null, null, null, null) from due`;

/** A job that is scheduled for the first time begins with the next tick. */
const REMEMBER = `
insert into ninefold.schedules (job, last_tick) select job, date_trunc('minute', now()) from unnest($1::text[]) as job
on conflict do nothing`;

/**
 * Enqueues the scheduled jobs of a service when their minute comes.
 * Call the returned function with the database's time, as often as it is known; between minutes it does nothing.
 * When a statement fails, the next call tries again.
 */
export function timetable(pool: FollowingPool, jobs: Iterable<KnownJob<never>>): (nowMs: number) => Promise<void> {
  let known: Scheduled[] | undefined;
  let minute = 0;
  const load = async (): Promise<Scheduled[]> => {
    const scheduled = [...jobs].flatMap(({ name, attempts, schedule }) =>
      schedule === undefined ? [] : [{ name, attempts, match: schedule, last: 0 }],
    );
    if (scheduled.length === 0) return [];
    const names = scheduled.map(({ name }) => name);
    await pool.query(REMEMBER, [names]);
    const { rows } = await pool.query<{ job: string; last: number }>(
      "select job, extract(epoch from last_tick)::float8 * 1000 as last from ninefold.schedules where job = any($1)",
      [names],
    );
    for (const job of scheduled) job.last = rows.find((row) => row.job === job.name)?.last ?? 0;
    return scheduled;
  };
  return async (nowMs) => {
    const thisMinute = Math.floor(nowMs / 60_000);
    if (thisMinute <= minute) return;
    known ??= await load();
    for (const job of known) {
      const tick = latestTick(job.match, job.last, nowMs);
      if (tick === undefined) continue;
      await pool.query(FIRE, [job.name, tick, job.attempts]);
      job.last = tick;
    }
    minute = thisMinute;
  };
}
