/**
 * The longest pause of one kind of operation: a stretch of time in which at least one operation of the kind was due and
 * none succeeded. It begins when an operation becomes due (or with the last success, if others were still waiting then)
 * and ends with the next success; operations that fail in between do not end it.
 */
export interface Pauses {
  /** An operation was due at this time, in milliseconds since the start of the run. */
  due(ms: number): void;
  ended(ms: number, succeeded: boolean): void;
  /** Longest pause until now in milliseconds, one that has not ended yet included. */
  longest(nowMs: number): number;
}

export function createPauses(): Pauses {
  let waiting = 0;
  let since: number | undefined;
  let longest = 0;
  return {
    due(ms) {
      waiting++;
      if (since === undefined || ms < since) since = ms;
    },
    ended(ms, succeeded) {
      waiting--;
      if (!succeeded || since === undefined) return;
      longest = Math.max(longest, ms - since);
      since = waiting > 0 ? ms : undefined;
    },
    longest: (nowMs) => (since === undefined ? longest : Math.max(longest, nowMs - since)),
  };
}
