import { setTimeout as delay } from "node:timers/promises";
import { MoveFailed } from "./problem.ts";

/**
 * Looks again and again until `look` gives something.
 * @param wait.everyMs between two looks
 * @param wait.withinMs longest wait
 * @throws MoveFailed `move-late`, saying what it waited for; what `look` throws; the signal's reason
 */
export async function waitFor<T>(
  look: () => Promise<T | undefined>,
  wait: {
    readonly everyMs: number;
    readonly withinMs: number;
    readonly signal?: AbortSignal;
    readonly at: string;
    readonly what: string;
    readonly fix: string;
  },
): Promise<T> {
  const began = performance.now();
  for (;;) {
    wait.signal?.throwIfAborted();
    const seen = await look();
    if (seen !== undefined) return seen;
    const waited = performance.now() - began;
    if (waited > wait.withinMs) {
      const says = `waited ${Math.round(waited)} ms in vain for ${wait.what}`;
      throw new MoveFailed("move-late", { at: wait.at, says, fix: wait.fix });
    }
    await pause(wait.everyMs, wait.signal);
  }
}

/** `lock_not_available`, `deadlock_detected`: another transaction was in the way, and may be gone at the next try. */
function inTheWay(cause: unknown): boolean {
  const { code } = cause as { code?: string };
  return code === "55P03" || code === "40P01";
}

/**
 * Runs work that takes locks with a short `lock_timeout`, again and again until it gets them, since whoever waits for a lock makes
 * all that come after it wait as well. Waits longer from try to try, 20 ms to 1 s, so that writers get through in between.
 * @throws MoveFailed `move-late`, with what `blocker` knows; any other error of `work`
 */
export async function untilLocked<T>(
  work: () => Promise<T>,
  wait: {
    readonly withinMs: number;
    readonly signal: AbortSignal;
    readonly at: string;
    readonly what: string;
    readonly blocker: () => Promise<string>;
  },
): Promise<T> {
  const began = performance.now();
  for (let pauseMs = 20; ; pauseMs = Math.min(1_000, pauseMs * 2)) {
    wait.signal.throwIfAborted();
    try {
      return await work();
    } catch (cause) {
      if (!inTheWay(cause)) throw cause;
      if (performance.now() - began > wait.withinMs) {
        const says = `could not ${wait.what}: ${await wait.blocker()}`;
        const fix = "end the transaction that holds the lock, then try again";
        throw new MoveFailed("move-late", { at: wait.at, says, fix }, { cause });
      }
    }
    await pause(pauseMs * (0.5 + Math.random()), wait.signal);
  }
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await delay(ms, undefined, signal === undefined ? {} : { signal }).catch((cause: unknown) => {
    signal?.throwIfAborted();
    throw cause;
  });
}
