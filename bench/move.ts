/**
 * The move of a database from rung 1 to 2 beside `pg_dump | psql` of the same data into a PostgreSQL of the same kind, and what
 * traffic notices of the copy.
 *
 * `node --conditions=ninefold-source bench/move.ts [--size 100000] [--rate 100] [--runs 3]`
 * Bars: no less than half the rate of the dump; p99 during the copy at most 2 times p99 before.
 */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs, promisify } from "node:util";
import { Client } from "pg";
import { openBench } from "../src/check/index.ts";
import { systemPostgres } from "../src/engines/packages.ts";
import { startTestPatroni } from "../src/engines/patroni/testing.ts";
import { conduitMix } from "./conduit-mix.ts";
import { deployment } from "./deployment.ts";
import { median, spread } from "./table.ts";

const COPY = new Set(["copy-schema", "copy-rows", "finish-copy"]);
const SLICE_MS = 2_000;
/** Slices before the climb that tell what traffic is like without one. */
const BEFORE = 5;

const { values } = parseArgs({
  options: {
    size: { type: "string", default: "100000" },
    rate: { type: "string", default: "100" },
    runs: { type: "string", default: "3" },
  },
});
const rate = Number(values.rate);

await using ours = await deployment();
await ours.ninefold("up", "-d", "-p", String(ours.port));
await ours.ninefold("seed", "--size", values.size);
const source = await ours.databaseUrl("postgres");
console.log(`${values.size} articles, ${await megabytes(source)} MB`);

const dumps: number[] = [];
const copies: number[] = [];
const before: number[] = [];
const during: number[] = [];
for (let run = 1; run <= Number(values.runs); run++) {
  dumps.push(await dump(source));
  copies.push(await climb());
  await back();
  console.log(`run ${run}: pg_dump | psql ${seconds(dumps.at(-1))}, the move's copy ${seconds(copies.at(-1))}`);
}
await traffic();
console.log(`\npg_dump | psql: ${spread(dumps)} ms; the move's copy, quiet: ${spread(copies)} ms`);
console.log(`rate of ours / rate of the dump = ${(median(dumps) / median(copies)).toFixed(2)} (bar 0.5)`);
console.log(`p99 at ${rate}/s before: ${spread(before, 1)} ms, during the copy: ${spread(during, 1)} ms`);
console.log(`during / before = ${(median(during) / median(before)).toFixed(2)} (bar 2)`);

async function dump(from: string): Promise<number> {
  await using target = await startTestPatroni();
  const { folder } = systemPostgres();
  const began = performance.now();
  const pipe = `${join(folder, "pg_dump")} --no-owner --no-privileges "$FROM" | ${join(folder, "psql")} -q -o /dev/null "$TO"`;
  await promisify(execFile)("sh", ["-c", pipe], { env: { ...process.env, FROM: from, TO: target.connectionString } });
  return performance.now() - began;
}

/** Milliseconds that the steps took which copy. */
async function climb(): Promise<number> {
  const { stdout } = await ours.ninefold("climb", "--json");
  return copied(
    stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line)),
  );
}

function copied(events: readonly { kind: string; step: number; name: string; tookMs: number }[]): number {
  const names = new Map(events.filter(({ kind }) => kind === "step-started").map(({ step, name }) => [step, name]));
  return events
    .filter(({ kind, step }) => kind === "step-done" && COPY.has(names.get(step) ?? ""))
    .reduce((sum, { tookMs }) => sum + tookMs, 0);
}

async function back(): Promise<void> {
  await ours.ninefold("descend");
  await ours.ninefold("finish");
}

/** One more climb, with requests in slices before it and while it copies. */
async function traffic(): Promise<void> {
  const bench = await openBench({ check: conduitMix, url: ours.url, connections: 16, seed: 1 });
  const slice = () => bench.run({ durationMs: SLICE_MS, warmupMs: 0, rate, kinds: ["read", "write"] });
  for (let n = 0; n <= BEFORE; n++) {
    const { p99 } = await slice();
    if (n > 0) before.push(p99);
  }
  let over = false;
  const climbing = climb().finally(() => {
    over = true;
  });
  const all: number[] = [];
  while (!over) all.push((await slice()).p99);
  await climbing;
  // The first slices see the new cluster start, the last ones the cut-over and what follows it.
  during.push(...all.slice(Math.ceil(all.length / 4), Math.ceil((3 * all.length) / 4)));
  await bench.close();
}

async function megabytes(url: string): Promise<number> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query("select pg_database_size(current_database())::bigint / 1000000 as size");
  await client.end();
  return Number(rows[0].size);
}

function seconds(ms = 0): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
