/**
 * Conduit through Ninefold beside the same endpoints written by hand (bench/peer), on the same PostgreSQL with the same
 * seeded data, in alternate runs. This process is the generator; the servers and the database are others.
 *
 * `node --conditions=ninefold-source bench/conduit.ts [--runs 5] [--seconds 10] [--connections 32] [--size 10000] [--json file]`
 * The peer is started as `node bench/peer/server.ts` with DATABASE_URL, PORT and CONNECTIONS in its environment.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Kysely, PostgresDialect, sql } from "kysely";
import { Pool } from "pg";
import type { Database } from "../examples/conduit/schema.ts";
import seed from "../examples/conduit/seed.ts";
import { type Bench, type BenchResult, type Kind, openBench } from "../src/check/index.ts";
import { startTestPostgres, type TestPostgres } from "../src/engines/postgres/testing.ts";
import { freePort } from "../src/machine/free-port.ts";
import { measureCeiling } from "./ceiling.ts";
import { conduitMix } from "./conduit-mix.ts";
import { firstAnswer, startConduit } from "./conduit-service.ts";
import { median, spread, table } from "./table.ts";

const PEER = fileURLToPath(new URL("./peer/server.ts", import.meta.url));
/** Connections to the database of each side. */
const POOL = 10;
const MIXES = { read: ["read"], write: ["write"] } as const satisfies Record<string, readonly Kind[]>;
const WARMUP_MS = 2_000;

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

interface Measured {
  readonly side: string;
  readonly mix: string;
  readonly run: number;
  readonly saturation: BenchResult;
  readonly half: BenchResult | undefined;
}

console.log(`node ${process.version}, ${runs} runs of ${seconds} s, ${connections} connections, ${size} articles`);
const ceiling = await measureCeiling(connections, 3_000);
console.log(
  `the generator's own ceiling: ${Math.round(ceiling.perSecond)} requests/s, p99 ${ceiling.p99.toFixed(1)} ms`,
);

await using postgres = await startTestPostgres({ roles: true });
await using ours = await openOurs(postgres);
await fill(postgres);
await using peer = await openPeer(postgres);
const sides = peer === undefined ? [ours] : [ours, peer];
if (peer === undefined) console.log("bench/peer/server.ts is not there: only ours is measured");

const benches: Array<{ name: string; bench: Bench }> = [];
for (const { name, url } of sides)
  benches.push({ name, bench: await openBench({ check: conduitMix, url, connections, seed: 1 }) });

const measured: Measured[] = [];
for (const [mix, kinds] of Object.entries(MIXES)) {
  for (let run = 1; run <= runs; run++) {
    // Each run begins with the other side, so that what grows or warms up over time favours neither.
    for (const { name, bench } of run % 2 === 1 ? benches : benches.toReversed()) {
      const saturation = await bench.run({ durationMs: seconds * 1_000, warmupMs: WARMUP_MS, kinds });
      measured.push({ side: name, mix, run, saturation, half: undefined });
      console.log(`${mix} ${run} ${name}: ${Math.round(saturation.perSecond)} requests/s, ${saturation.failed} failed`);
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

console.log(
  `\n${table([["mix", "side", "requests/s at saturation", "p99 ms at half load", "failed"], ...measuredRows()])}`,
);
if (peer !== undefined) {
  for (const mix of Object.keys(MIXES)) {
    const ratio = median(saturations("ours", mix)) / median(saturations("peer", mix));
    const slower = median(halves("ours", mix)) / median(halves("peer", mix));
    console.log(
      `${mix}: ours / peer = ${ratio.toFixed(2)} in requests/s (bar 1.0), ${slower.toFixed(2)} in p99 (bar 1.0)`,
    );
  }
}
if (values.json !== undefined) await writeFile(values.json, JSON.stringify({ ceiling, measured }, undefined, 2));

function saturations(side: string, mix: string): number[] {
  return measured.filter((one) => one.side === side && one.mix === mix).map(({ saturation }) => saturation.perSecond);
}

function halves(side: string, mix: string): number[] {
  return measured.flatMap((one) => (one.side === side && one.mix === mix && one.half ? [one.half.p99] : []));
}

function measuredRows(): string[][] {
  return Object.keys(MIXES).flatMap((mix) =>
    benches.map(({ name }) => {
      const own = measured.filter((one) => one.side === name && one.mix === mix);
      const failed = own.reduce((sum, { saturation, half }) => sum + saturation.failed + (half?.failed ?? 0), 0);
      return [mix, name, spread(saturations(name, mix)), spread(halves(name, mix), 1), String(failed)];
    }),
  );
}

async function openOurs(database: TestPostgres) {
  const service = await startConduit({ postgres: database, port: await freePort(), connections: POOL });
  return { name: "ours", url: service.url, [Symbol.asyncDispose]: () => service[Symbol.asyncDispose]() };
}

async function openPeer(database: TestPostgres) {
  if (!existsSync(PEER)) return undefined;
  const port = await freePort();
  const { user, password } = database.service;
  // Over the unix socket, as ours.
  const server = `localhost:${database.port}/${database.database}?host=${encodeURIComponent(database.socketFolder)}`;
  const address = `postgres://${user}:${encodeURIComponent(password)}@${server}`;
  const child = spawn(process.execPath, ["--conditions=ninefold-source", PEER], {
    env: { ...process.env, DATABASE_URL: address, PORT: String(port), CONNECTIONS: String(POOL) },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  };
  const url = `http://127.0.0.1:${port}`;
  await firstAnswer(`${url}/api/tags`, 60_000).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return { name: "peer", url, [Symbol.asyncDispose]: stop };
}

async function fill({ connectionString }: TestPostgres) {
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: new Pool({ connectionString, max: 2 }) }) });
  await seed({ db, size, random: 1 });
  await sql`vacuum analyze`.execute(db);
  await sql`checkpoint`.execute(db);
  await db.destroy();
}
