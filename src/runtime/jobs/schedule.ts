/** Whether a cron expression names this minute; the fields are those of UTC. */
export type CronMatch = (minute: {
  readonly min: number;
  readonly hour: number;
  readonly date: number;
  readonly month: number;
  readonly dow: number;
}) => boolean;

const MINUTE = 60_000;

/** How far back a worker looks for a tick that no worker took, in milliseconds: longer than any restart of ours. */
export const LOOK_BACK_MS = 10 * MINUTE;

/**
 * The latest minute in `(after, now]` that the expression names, or undefined. Ticks missed by all workers run once,
 * not once each: a worker that was away for five minutes must not send five reports at once.
 * @param after milliseconds since 1970; never looked at further back than {@link LOOK_BACK_MS}
 */
export function latestTick(match: CronMatch, after: number, now: number): number | undefined {
  const earliest = Math.max(after, now - LOOK_BACK_MS);
  for (let tick = Math.floor(now / MINUTE) * MINUTE; tick > earliest; tick -= MINUTE) {
    const at = new Date(tick);
    const minute = {
      min: at.getUTCMinutes(),
      hour: at.getUTCHours(),
      date: at.getUTCDate(),
      month: at.getUTCMonth() + 1,
      dow: at.getUTCDay(),
    };
    if (match(minute)) return tick;
  }
  return undefined;
}
