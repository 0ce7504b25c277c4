/**
 * Every change of a running service under the check's traffic, 200 operations a second, a third of them writes, on a database
 * of a given size: what failed, was lost, repeated or stale, and what the users noticed.
 *
 * `node --conditions=ninefold-source bench/transitions.ts [--size 280000] [--highest 3]` (280,000 articles are about 1 GB)
 * Bars: all zeros; a pause under 1 s for a move and under 100 ms otherwise; p99 during, apart from the pause, at most 2 times
 * p99 before.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startCheckProcess } from "../src/check/index.ts";
import { p99ApartFromPause } from "./apart.ts";
import { CONDUIT } from "./conduit-service.ts";
import { deployment } from "./deployment.ts";
import { table } from "./table.ts";

const { values } = parseArgs({
  options: { size: { type: "string", default: "280000" }, highest: { type: "string", default: "3" } },
});
const BEFORE_MS = 10_000;
const AFTER_MS = 2_000;

/** Changes in their order, with the first rung that needs to be built for each. */
const CHANGES: readonly (readonly [rung: number, ...command: string[]])[] = [
  [2, "climb"],
  [3, "climb"],
  [3, "scale", "app=8"],
  [3, "deploy"],
  [3, "scale", "app=2"],
  [4, "climb"],
  [4, "switchover"],
  [4, "switchover"],
  [4, "descend", "--to", "3"],
  [3, "descend"],
  [2, "descend"],
  [3, "climb", "--to", "3"],
  [3, "descend", "--to", "1"],
  [2, "finish"],
];

await using ours = await deployment();
await ours.ninefold("up", "-d", "-p", String(ours.port));
await ours.ninefold("seed", "--size", values.size);

const folder = mkdtempSync(join(tmpdir(), "ninefold-transitions-"));
process.on("exit", () => rmSync(folder, { recursive: true }));
const journal = join(folder, "journal.jsonl");
const check = () =>
  startCheckProcess({ file: join(CONDUIT, "check.ts"), url: ours.url, users: 50, rate: 200, journal });
async function quiet(): Promise<number> {
  await using traffic = await check();
  return (await traffic.finish({ after: BEFORE_MS })).p99;
}

const rows = [
  [
    "change",
    "took s",
    "requests",
    "failed",
    "lost",
    "dup",
    "stale",
    "p99 before",
    "during",
    "apart",
    "pause r",
    "w ms",
  ],
];
for (const [rung, ...command] of CHANGES) {
  if (rung > Number(values.highest)) continue;
  const before = await quiet();
  await using traffic = await check();
  const began = performance.now();
  await ours.ninefold(...command);
  const took = (performance.now() - began) / 1_000;
  const report = await traffic.finish({ after: AFTER_MS });
  const { requests, ok, lost, duplicated, stale, p99, kinds } = report;
  const counts = [requests, requests - ok, lost, duplicated, stale];
  const apart = p99ApartFromPause(journal);
  const times = [before, p99, apart, kinds.read.longestPause, kinds.write.longestPause].map((ms) => ms.toFixed(1));
  rows.push([command.join(" "), took.toFixed(1), ...counts.map(String), ...times]);
  console.log(rows.at(-1)?.join("  "));
}
console.log(`\n${table(rows)}`);
