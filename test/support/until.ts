import { setTimeout as pause } from "node:timers/promises";

/** Waits until a condition holds, looking ten times a second; on time-out says what it waited for. */
export async function until(what: string, holds: () => Promise<boolean>, withinMs: number): Promise<void> {
  const deadline = Date.now() + withinMs;
  let last: unknown;
  while (Date.now() < deadline) {
    try {
      if (await holds()) return;
    } catch (error) {
      last = error;
    }
    await pause(100);
  }
  throw new Error(`waited ${withinMs} ms in vain until ${what}`, { cause: last });
}
