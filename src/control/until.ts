import { setTimeout as delay } from "node:timers/promises";

/**
 * How a wait goes on: `open` ends it well, otherwise it goes on and says what for. `blocked`: time alone will not help, as where
 * another program has a port. A thrown error ends it badly.
 */
export type Gate =
  | { readonly open: true }
  | { readonly open: false; readonly says: string; readonly blocked?: boolean };

/** Longest wait for what blocks to go, in milliseconds: a predecessor that has just ended may have a port for moments. */
const BLOCKED_MS = 10_000;

export interface Wait {
  /** Longest wait, in milliseconds; asked again at each look, since what is seen may earn more patience. */
  readonly withinMs: (says: string) => number;
  /** Between two looks, in milliseconds. */
  readonly everyMs: number;
  readonly signal: AbortSignal;
  readonly progress: (says: string) => void;
  /** The error for a wait that was in vain. */
  readonly late: (says: string, waitedMs: number) => Promise<Error>;
}

/** Looks again and again until the gate is open. Throws what `look` throws, `late`'s error, or the signal's reason. */
export async function until(look: () => Promise<Gate>, wait: Wait): Promise<void> {
  const began = performance.now();
  let blockedAt: number | undefined;
  for (let said = ""; ; ) {
    wait.signal.throwIfAborted();
    const gate = await look();
    if (gate.open) return;
    if (gate.says !== said) wait.progress(gate.says);
    said = gate.says;
    const now = performance.now();
    blockedAt = gate.blocked === true ? (blockedAt ?? now) : undefined;
    const waitedMs = now - began;
    if (waitedMs > wait.withinMs(said) || now - (blockedAt ?? now) > BLOCKED_MS) throw await wait.late(said, waitedMs);
    await delay(wait.everyMs, undefined, { signal: wait.signal });
  }
}
