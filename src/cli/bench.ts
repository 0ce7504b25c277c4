import { resolve } from "node:path";
import type { Command } from "commander";
import type { BenchResult } from "../check/index.ts";
import { checkFile, urlOfFolder } from "./check.ts";
import type { Cli } from "./context.ts";
import { seconds, wholeNumber } from "./options.ts";
import { table } from "./terminal.ts";

interface BenchOptions {
  url?: string;
  file?: string;
  connections: number;
  rate?: number;
  for: number;
  json?: boolean;
}

/** Before each measurement, in milliseconds: caches fill and code gets compiled. */
const WARM_UP_MS = 3_000;

export function benchCommand(program: Command, cli: Cli): void {
  program
    .command("bench")
    .description("measure the running service: at saturation, then its latency at half of that or at a given rate")
    .option("--url <url>", "address to measure; the service of this folder unless given")
    .option("--file <file>", "what users do; check.ts of this folder unless given")
    .option("--connections <n>", "keep-alive connections", wholeNumber(1, 10_000), 32)
    .option("--rate <n>", "operations per second; half of saturation unless given", wholeNumber(1, 1_000_000))
    .option("--for <time>", "length of each measurement, such as 10s", seconds, 10)
    .option("--json", "print the results as JSON")
    .addHelpText(
      "after",
      "\nAt a rate, latency counts from the moment an operation was meant to be sent, so a stall is not hidden.\n",
    )
    .action((options: BenchOptions) => bench(cli, options));
}

async function bench(cli: Cli, options: BenchOptions): Promise<void> {
  const { openBench } = await import("../check/index.ts");
  const url = options.url ?? (await urlOfFolder(cli.folder()));
  const check = options.file === undefined ? checkFile(cli.folder()) : resolve(options.file);
  const opened = await openBench({ check, url, connections: options.connections });
  const length = { durationMs: options.for * 1_000, warmupMs: WARM_UP_MS };
  try {
    cli.terminal.progress("measuring at saturation …");
    const saturation = await opened.run(length);
    const rate = options.rate ?? Math.max(1, Math.round(saturation.perSecond / 2));
    cli.terminal.progress(`measuring at ${rate} operations a second …`);
    const atRate = await opened.run({ ...length, rate });
    cli.terminal.settle();
    const results = [saturation, atRate];
    cli.terminal.line(options.json === true ? JSON.stringify(results, undefined, 2) : figures(results));
  } finally {
    await opened.close();
  }
}

function figures(results: readonly BenchResult[]): string {
  const ms = (n: number) => `${n.toFixed(1)} ms`;
  return table([
    ["MODE", "SUCCEEDED/S", "P50", "P99", "P99.9", "MAX", "FAILED", "UNSENT"],
    ...results.map((r) => [
      r.mode,
      String(Math.round(r.perSecond)),
      ms(r.p50),
      ms(r.p99),
      ms(r.p999),
      ms(r.max),
      String(r.failed),
      String(r.unsent),
    ]),
  ]);
}
