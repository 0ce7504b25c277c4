import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { connect } from "../control/start.ts";
import type { Cli } from "./context.ts";
import { exit } from "./exit.ts";
import { seconds, wholeNumber } from "./options.ts";
import { CommandFailed, notRunning } from "./problem.ts";

interface CheckOptions {
  url?: string;
  file?: string;
  users: number;
  rate: number;
  for: number;
  seed?: number;
  journal?: string;
  allowFailures?: boolean;
  json?: boolean;
}

export function checkCommand(program: Command, cli: Cli): void {
  program
    .command("check")
    .description("judge the running service with simulated users: failed, lost, duplicated, stale")
    .option("--url <url>", "address to judge; the service of this folder unless given")
    .option("--file <file>", "what users do and what it means; check.ts of this folder unless given")
    .option("--users <n>", "simulated users", wholeNumber(1, 10_000), 50)
    .option("--rate <n>", "operations per second over all users", wholeNumber(1, 100_000), 200)
    .option("--for <time>", "length of the traffic, such as 30s or 10m; Ctrl-C ends it early and judges", seconds, 30)
    .option("--seed <n>", "repeat the choices of an earlier run", wholeNumber(0, 0xffff_ffff))
    .option("--journal <file>", "write the run's log, one JSON line before sending and one after the answer")
    .option("--allow-failures", "judge consistency only: failed requests do not break the verdict")
    .option("--json", "print the report as JSON")
    .addHelpText("after", "\nExit codes: 0 every promise kept, 4 one was broken, 1 something could not be judged")
    .action((options: CheckOptions) => check(cli, options));
}

async function check(cli: Cli, options: CheckOptions): Promise<void> {
  // Loaded when it is needed: every command starts the sooner.
  const { progressLine, reportText, runCheckProcess } = await import("../check/index.ts");
  const early = new AbortController();
  process.once("SIGINT", () => early.abort());
  const url = options.url ?? (await urlOfFolder(cli.folder()));
  const report = await runCheckProcess(
    {
      file: options.file === undefined ? checkFile(cli.folder()) : resolve(options.file),
      url,
      users: options.users,
      rate: options.rate,
      durationMs: options.for * 1_000,
      ...(options.seed === undefined ? {} : { seed: options.seed }),
      ...(options.journal === undefined ? {} : { journal: resolve(options.journal) }),
      ...(options.allowFailures === true ? { allowFailures: true } : {}),
    },
    { onProgress: (snapshot) => cli.terminal.progress(progressLine(snapshot)), signal: early.signal },
  );
  cli.terminal.settle();
  cli.terminal.line(options.json === true ? JSON.stringify(report, undefined, 2) : reportText(report));
  cli.exit({ kept: exit.done, broken: exit.promiseBroken, undecided: exit.failed }[report.verdict]);
}

/** Where the service of a folder answers. */
export async function urlOfFolder(folder: string): Promise<string> {
  const url = (await (await connect(folder))?.status())?.url;
  if (url === undefined) throw notRunning(folder);
  return url;
}

/** The file of a folder that says what users of its service do. */
export function checkFile(folder: string): string {
  const found = ["check.ts", "check.js"].map((name) => join(folder, name)).find(existsSync);
  if (found !== undefined) return found;
  const says = "there is no check.ts, which says what users do and what it means";
  const fix = "write one (docs/guarantees.md shows how), or name one with `--file`";
  throw new CommandFailed({ code: "no-check-file", at: folder, says, fix }, exit.badInput);
}
