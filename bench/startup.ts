/**
 * How long `ninefold up` takes from a warm install of the published package to the first 200, and what the control plane and the
 * agent cost at rest. One start before fills Node's cache of compiled modules, as a first use does. `--source`: the checkout instead.
 * `node --conditions=ninefold-source bench/startup.ts [--runs 5] [--rest 30] [--source]`
 * Bars: under 4 s; the control plane under 1 % of one core and 150 MB. Linux only (reads /proc).
 */
import { readdir, readFile } from "node:fs/promises";
import { performance } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { firstAnswer } from "./conduit-service.ts";
import { deployment, installPackage } from "./deployment.ts";
import { spread, table } from "./table.ts";

const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4_096;

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    rest: { type: "string", default: "30" },
    source: { type: "boolean", default: false },
  },
});
await using installed = values.source ? undefined : await installPackage();
const times: number[] = [];
let resting: string[][] = [];

for (let n = 0; n <= Number(values.runs); n++) {
  await using fresh = await deployment(installed);
  const { folder, port, ninefold } = fresh;
  const began = performance.now();
  const started = ninefold("up", "-d", "-p", String(port));
  await Promise.race([
    firstAnswer(`http://127.0.0.1:${port}/api/tags`, 120_000),
    started.then(() => new Promise(() => {})),
  ]);
  const tookMs = performance.now() - began;
  await started;
  if (n > 0) times.push(tookMs);
  console.log(`${n === 0 ? "first use" : `run ${n}`}: first 200 after ${Math.round(tookMs)} ms`);
  if (n === Number(values.runs)) resting = await atRest(folder, Number(values.rest));
}
console.log(`\nfirst 200 after \`ninefold up\`: ${spread(times)} ms (bar 4,000)`);
console.log(`\nat rest for ${values.rest} s (bar for the control plane: 1 % of one core, 150 MB)`);
console.log(table([["process", "cpu %", "rss MB"], ...resting]));

interface Usage {
  readonly name: string;
  readonly ticks: number;
  readonly rssMb: number;
}

/** CPU and memory of every process that belongs to the folder's deployment, over a time of rest. */
async function atRest(folder: string, seconds: number): Promise<string[][]> {
  await pause(5_000); // what the start left to do is not rest
  const before = await usages(folder);
  await pause(seconds * 1_000);
  const after = await usages(folder);
  return [...after].flatMap(([pid, { name, ticks, rssMb }]) => {
    const earlier = before.get(pid);
    if (earlier === undefined) return [];
    const cpu = ((ticks - earlier.ticks) / TICKS_PER_SECOND / seconds) * 100;
    return [[name, cpu.toFixed(2), rssMb.toFixed(0)]];
  });
}

async function usages(folder: string): Promise<Map<number, Usage>> {
  const found = new Map<number, Usage>();
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const command = (await readFile(`/proc/${entry}/cmdline`, "utf8")).replaceAll("\0", " ").trim();
      const environment = await readFile(`/proc/${entry}/environ`, "utf8").catch(() => "");
      if (!command.includes(folder) && !environment.includes(folder)) continue;
      const stat = await readFile(`/proc/${entry}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const ticks = Number(fields[11]) + Number(fields[12]);
      const pages = Number((await readFile(`/proc/${entry}/statm`, "utf8")).split(" ")[1]);
      const name = command.replaceAll(folder, "").slice(-60);
      found.set(Number(entry), { name: `${entry} ${name}`, ticks, rssMb: (pages * PAGE_BYTES) / 1_048_576 });
    } catch {
      // The process has ended meanwhile.
    }
  }
  return found;
}
