import { type Move, type StepContext, stream } from "./move.ts";
import { waitFor } from "./wait.ts";

/**
 * Writes a mark at the source and waits until it is seen at the target: then the target holds, on its disk, every transaction
 * that was committed at the source before. @returns the time it took, in milliseconds
 */
export async function passMark(move: Move, withinMs: number, { signal }: Pick<StepContext, "signal">): Promise<number> {
  const { source, target, schema } = move;
  const { name } = stream(move);
  const began = performance.now();
  const [mark] = await source.query<{ n: string }>(
    `insert into ${schema}.marker as m values ('${name}', 1) on conflict (flow) do update set n = m.n + 1 returning n`,
  );
  await waitFor(
    async () => {
      const seen = await target.query(`select from ${schema}.marker where flow = '${name}' and n >= ${mark?.n}`);
      return seen.length > 0 ? true : undefined;
    },
    {
      everyMs: 1,
      withinMs,
      signal,
      at: target.name,
      what: `the changes of ${source.name}`,
      fix: `see the log of ${target.name} for what stops it, then try again`,
    },
  );
  return performance.now() - began;
}
