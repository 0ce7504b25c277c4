import type { Backoff } from "./backoff.ts";
import { BadJobDefinition } from "./errors.ts";
import type { JobDefinition } from "./job.ts";
import { library } from "./library.ts";
import type { CronMatch } from "./schedule.ts";

/** The jobs of a service by name, as `defineService` takes them. */
// biome-ignore lint/suspicious/noExplicitAny: each job has a payload type of its own, checked where it is defined
export type JobDefinitions<DB> = Readonly<Record<string, JobDefinition<any, DB>>>;

/** A definition with its defaults filled in and its schedule parsed. */
export interface KnownJob<DB> {
  readonly name: string;
  readonly run: JobDefinition<unknown, DB>["run"];
  readonly attempts: number;
  readonly backoff: Backoff;
  readonly concurrency: number | undefined;
  readonly schedule: CronMatch | undefined;
}

/** All jobs of a service, checked. @throws BadJobDefinition naming the job and the field */
export function knownJobs<DB>(definitions: JobDefinitions<DB>): ReadonlyMap<string, KnownJob<DB>> {
  return new Map(Object.entries(definitions).map(([name, definition]) => [name, knownJob(name, definition)]));
}

function knownJob<DB>(name: string, definition: JobDefinition<unknown, DB>): KnownJob<DB> {
  const at = `jobs.${name}`;
  if (name.length < 1 || name.length > 100) {
    throw new BadJobDefinition(at, "a job's name has 1 to 100 characters", "Choose a shorter name");
  }
  if (typeof definition.run !== "function") {
    throw new BadJobDefinition(`${at}.run`, "a job needs a function to run", "Write `run: async (job, { db }) => {…}`");
  }
  const initialMs = definition.backoff?.initialMs ?? 1_000;
  const maxMs = definition.backoff?.maxMs ?? Math.max(initialMs, 3_600_000);
  const { concurrency, schedule } = definition;
  return {
    name,
    run: definition.run,
    attempts: whole(`${at}.attempts`, definition.attempts ?? 10, 1, 100),
    backoff: {
      initialMs: whole(`${at}.backoff.initialMs`, initialMs, 0, 86_400_000),
      maxMs: whole(`${at}.backoff.maxMs`, maxMs, initialMs, 86_400_000),
    },
    concurrency: concurrency === undefined ? undefined : whole(`${at}.concurrency`, concurrency, 1, 10_000),
    schedule: schedule === undefined ? undefined : parseSchedule(`${at}.schedule`, schedule),
  };
}

function whole(at: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new BadJobDefinition(at, `${value} is not a whole number from ${least} to ${most}`, "Change it");
}

function parseSchedule(at: string, schedule: string): CronMatch {
  try {
    const { match } = library().parseCronItem({ task: "schedule", match: schedule });
    return match;
  } catch (cause) {
    const fix = "Write five fields in UTC (minute hour day month weekday), such as `*/5 * * * *`";
    throw new BadJobDefinition(at, `"${schedule}" is not a cron expression`, fix, { cause });
  }
}
