import { setTimeout as delay } from "node:timers/promises";
import { PatroniFailed } from "./problem.ts";

/**
 * Waits for a condition; asking may fail meanwhile, since servers restart.
 * @param at the instance or cluster, for the message
 * @param holds true, or why not yet
 * @throws PatroniFailed after `withinMs`
 */
export async function until(
  at: string,
  what: string,
  holds: () => Promise<boolean | string>,
  withinMs: number,
): Promise<void> {
  let last: unknown;
  let says = "";
  for (const deadline = Date.now() + withinMs; Date.now() < deadline; await delay(100)) {
    try {
      const found = await holds();
      if (found === true) return;
      says = found === false ? "" : `: ${found}`;
    } catch (cause) {
      last = cause;
      says = `: ${(cause as Error).message}`;
    }
  }
  throw new PatroniFailed(at, `waited ${withinMs} ms in vain until ${what}${says}`, { cause: last });
}
