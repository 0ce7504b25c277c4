import type { Random } from "./random.ts";

/** Draws indexes of operations by their weights. */
export function chooser(operations: ReadonlyArray<{ readonly weight: number }>, random: Random): () => number {
  const total = operations.reduce((sum, { weight }) => sum + weight, 0);
  return () => {
    let left = random.next() * total;
    for (const [index, { weight }] of operations.entries()) {
      left -= weight;
      if (left < 0) return index;
    }
    return operations.length - 1;
  };
}
