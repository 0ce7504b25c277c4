/**
 * The move of a database from rung 1 to 2 beside `pg_dump | psql` of the same data into a PostgreSQL of the same kind, and what
 * traffic notices of the copy and of the pause. 100,000 articles are about 0.4 GB, 280,000 about 1 GB; `--runs 0` leaves the dump out.
 *
 * `node --conditions=ninefold-source bench/move.ts [--size 100000] [--rate 100] [--runs 3]`
 * Bars: no less than half the rate of the dump; p99 during the copy at most 2 times p99 before; a pause under 1 s.
 */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { createInterface } from "node:readline";
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
/** Behind the copy one measurement goes on over the cut-over, so that no pause falls between two. */
const LAST_MS = 20_000;
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
const pauses = { forth: 0, back: 0 };
for (let run = 1; run <= Number(values.runs); run++) {
  dumps.push(await dump(source));
  copies.push(await climb());
  await back();
  console.log(`run ${run}: pg_dump | psql ${seconds(dumps.at(-1))}, the move's copy ${seconds(copies.at(-1))}`);
}
await traffic();
if (dumps.length > 0) {
  console.log(`\npg_dump | psql: ${spread(dumps)} ms; the move's copy, quiet: ${spread(copies)} ms`);
  console.log(`rate of ours / rate of the dump = ${(median(dumps) / median(copies)).toFixed(2)} (bar 0.5)`);
}
console.log(`p99 at ${rate}/s before: ${spread(before, 1)} ms, during the copy: ${spread(during, 1)} ms`);
console.log(`during / before = ${(median(during) / median(before)).toFixed(2)} (bar 2)`);
console.log(`longest pause forth: ${pauses.forth.toFixed(0)} ms, back: ${pauses.back.toFixed(0)} ms (bar 1000)`);

async function dump(from: string): Promise<number> {
  await using target = await startTestPatroni();
  const { folder } = systemPostgres();
  const began = performance.now();
  const pipe = `${join(folder, "pg_dump")} --no-owner --no-privileges "$FROM" | ${join(folder, "psql")} -q -o /dev/null "$TO"`;
  await promisify(execFile)("sh", ["-c", pipe], { env: { ...process.env, FROM: from, TO: target.connectionString } });
  return performance.now() - began;
}

interface StepEvent {
  readonly kind: string;
  readonly step: number;
  readonly name: string;
  readonly tookMs: number;
}

/** Climbs, and tells of each step as it happens. @returns milliseconds that the steps took which copy */
async function climb(tell: (copying: boolean) => void = () => undefined): Promise<number> {
  const climbing = ours.ninefold("climb", "--json");
  const names = new Map<number, string>();
  const left = new Set(COPY);
  let took = 0;
  const { stdout } = climbing.child;
  if (stdout === null) throw new Error("the command line says nothing");
  for await (const text of createInterface({ input: stdout })) {
    const { kind, step, name, tookMs } = JSON.parse(text) as StepEvent;
    if (kind === "step-started") names.set(step, name);
    if (kind === "step-done" && left.delete(names.get(step) ?? "")) took += tookMs;
    const begun = [...names.values()].some((one) => COPY.has(one));
    tell(begun && left.size > 0);
  }
  await climbing;
  return took;
}

async function back(): Promise<void> {
  await ours.ninefold("descend");
  await ours.ninefold("finish");
}

/** One more climb and the way back, with requests in slices before it and while it copies. */
async function traffic(): Promise<void> {
  const bench = await openBench({ check: conduitMix, url: ours.url, connections: 16, seed: 1 });
  const slice = (durationMs: number) => bench.run({ durationMs, warmupMs: 0, rate, kinds: ["read", "write"] });
  for (let n = 0; n <= BEFORE; n++) {
    const { p99 } = await slice(SLICE_MS);
    if (n > 0) before.push(p99);
  }
  let [copying, copied, over] = [false, false, false];
  const climbing = climb((now) => {
    copied ||= copying && !now;
    copying = now;
  }).finally(() => {
    over = true;
  });
  while (!over) {
    const began = copying;
    const { p99, max } = await slice(copied ? LAST_MS : SLICE_MS);
    if (began && copying) during.push(p99);
    else if (copied) pauses.forth = Math.max(pauses.forth, max);
  }
  await climbing;
  const [{ max }] = await Promise.all([slice(LAST_MS), ours.ninefold("descend")]);
  pauses.back = max;
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
