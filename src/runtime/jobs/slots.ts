/** A limit on what runs at a time, shared by lanes that each have a limit of their own. */
export interface Slots {
  /** Waits for a free place, first come first served, and gives the function that frees it again. */
  take(): Promise<() => void>;
}

/** @param count most holders at a time, from 1 */
export function slots(count: number): Slots {
  let free = count;
  const waiting: Array<() => void> = [];
  const release = () => {
    const next = waiting.shift();
    if (next === undefined) free += 1;
    else next();
  };
  return {
    async take() {
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      return release;
    },
  };
}
