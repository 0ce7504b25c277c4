import { setTimeout as delay } from "node:timers/promises";
import { readSpecification } from "../../examples/conduit/contract/specification.ts";
import { walkContract } from "../../examples/conduit/contract/walk.ts";

/**
 * From the start of one round to that of the next, in milliseconds: a round takes half a second, and a whole processor of those that
 * what is tested needs as well.
 */
const ROUND_MS = 2_000;

/** Walks through the RealWorld specification again and again, until it is asked to finish the last round. */
export function contractClient(url: string): Disposable & { finish(): Promise<void> } {
  const specification = readSpecification();
  const over = new AbortController();
  const walking = (async () => {
    do {
      const pause = delay(ROUND_MS, undefined, { signal: over.signal }).catch(() => undefined);
      await walkContract(url, specification);
      await pause;
    } while (!over.signal.aborted);
  })();
  walking.catch(() => undefined); // told by `finish`
  return {
    finish: () => {
      over.abort();
      return walking;
    },
    [Symbol.dispose]: () => over.abort(),
  };
}
