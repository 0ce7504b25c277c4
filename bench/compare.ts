/** Two services with the same endpoints and data, measured in alternate runs: at saturation, then both at the same rate. */
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { type Bench, type BenchResult, type Kind, openBench } from "../src/check/index.ts";
import { measureCeiling } from "./ceiling.ts";
import { conduitMix } from "./conduit-mix.ts";
import { median, spread, table } from "./table.ts";

const MIXES = { read: ["read"], write: ["write"] } as const satisfies Record<string, readonly Kind[]>;
const WARMUP_MS = 2_000;

interface Side {
  readonly name: "ours" | "peer";
  readonly url: string;
}

interface Measured {
  readonly side: string;
  readonly mix: string;
  readonly run: number;
  readonly saturation: BenchResult;
  readonly half: BenchResult | undefined;
}

/** What the command line asks for. */
export function comparison() {
  const { values } = parseArgs({
    options: {
      runs: { type: "string", default: "5" },
      seconds: { type: "string", default: "10" },
      connections: { type: "string", default: "32" },
      size: { type: "string", default: "10000" },
      json: { type: "string" },
    },
  });
  const [runs, seconds, connections, size] = [values.runs, values.seconds, values.connections, values.size].map(
    Number,
  ) as [number, number, number, number];
  return { runs, seconds, connections, size, json: values.json };
}

/** Measures the sides and prints the figures and their ratios. */
export async function compare(
  sides: readonly Side[],
  { runs, seconds, connections, json }: ReturnType<typeof comparison>,
  bar: number,
): Promise<void> {
  const ceiling = await measureCeiling(connections, 3_000);
  console.log(
    `the generator's own ceiling: ${Math.round(ceiling.perSecond)} requests/s, p99 ${ceiling.p99.toFixed(1)} ms`,
  );
  const benches: Array<{ name: string; bench: Bench }> = [];
  for (const { name, url } of sides)
    benches.push({ name, bench: await openBench({ check: conduitMix, url, connections, seed: 1 }) });

  const measured: Measured[] = [];
  const saturations = (side: string, mix: string) =>
    measured.filter((one) => one.side === side && one.mix === mix).map(({ saturation }) => saturation.perSecond);
  const halves = (side: string, mix: string) =>
    measured.flatMap((one) => (one.side === side && one.mix === mix && one.half ? [one.half.p99] : []));

  for (const [mix, kinds] of Object.entries(MIXES)) {
    for (let run = 1; run <= runs; run++) {
      // Each run begins with the other side, so that what grows or warms up over time favours neither.
      for (const { name, bench } of run % 2 === 1 ? benches : benches.toReversed()) {
        const saturation = await bench.run({ durationMs: seconds * 1_000, warmupMs: WARMUP_MS, kinds });
        measured.push({ side: name, mix, run, saturation, half: undefined });
        console.log(
          `${mix} ${run} ${name}: ${Math.round(saturation.perSecond)} requests/s, ${saturation.failed} failed`,
        );
      }
    }
    // Both at the same rate: half of what the slower one can do.
    const rate = Math.min(...benches.map(({ name }) => median(saturations(name, mix)))) / 2;
    for (let run = 1; run <= runs; run++) {
      for (const { name, bench } of run % 2 === 1 ? benches : benches.toReversed()) {
        const half = await bench.run({ durationMs: seconds * 1_000, warmupMs: WARMUP_MS, rate, kinds });
        const index = measured.findIndex((one) => one.side === name && one.mix === mix && one.run === run);
        const one = measured[index];
        if (one !== undefined) measured[index] = { ...one, half };
        console.log(
          `${mix} ${run} ${name}: at ${Math.round(rate)}/s p99 ${half.p99.toFixed(1)} ms, ${half.failed} failed`,
        );
      }
    }
  }
  for (const { bench } of benches) await bench.close();

  const rows = Object.keys(MIXES).flatMap((mix) =>
    benches.map(({ name }) => {
      const own = measured.filter((one) => one.side === name && one.mix === mix);
      const failed = own.reduce((sum, { saturation, half }) => sum + saturation.failed + (half?.failed ?? 0), 0);
      return [mix, name, spread(saturations(name, mix)), spread(halves(name, mix), 1), String(failed)];
    }),
  );
  console.log(`\n${table([["mix", "side", "requests/s at saturation", "p99 ms at half load", "failed"], ...rows])}`);
  for (const mix of Object.keys(MIXES)) {
    const ratio = median(saturations("ours", mix)) / median(saturations("peer", mix));
    const slower = median(halves("ours", mix)) / median(halves("peer", mix));
    console.log(`${mix}: ours / peer = ${ratio.toFixed(2)} in requests/s (bar ${bar}), ${slower.toFixed(2)} in p99`);
  }
  if (json !== undefined) await writeFile(json, JSON.stringify({ ceiling, measured }, undefined, 2));
}
