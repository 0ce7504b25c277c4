/**
 * Work that is asked for at every look of a wait but is done at most once in `everyMs`; undefined in between. Where much
 * starts at once, looks of one process at another are a good part of all that the machine does.
 */
export function seldom<T>(everyMs: number, work: () => Promise<T>): () => Promise<T | undefined> {
  let next = performance.now() + everyMs;
  return async () => {
    if (performance.now() < next) return undefined;
    next = performance.now() + everyMs;
    return work();
  };
}
