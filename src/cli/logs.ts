import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { statePaths } from "../control/paths.ts";
import type { Cli } from "./context.ts";
import { exit } from "./exit.ts";
import { readable } from "./log-line.ts";
import { wholeNumber } from "./options.ts";
import { CommandFailed, notRunning } from "./problem.ts";
import { lastLines, tail } from "./tail.ts";

interface LogsOptions {
  follow?: boolean;
  lines: number;
  raw?: boolean;
}

/** How often, in milliseconds, `-f` looks for what was added and for new instances. */
const LOOK_MS = 250;

export function logsCommand(program: Command, cli: Cli): void {
  program
    .command("logs")
    .description("show what the instances say, also of ones that have ended")
    .argument("[instance]", "such as dc1.app.1, or a part of its name, such as app")
    .option("-f, --follow", "go on as they say more; Ctrl-C ends it")
    .option("-n, --lines <n>", "lines from the end of each log", wholeNumber(0, 100_000), 20)
    .option("--raw", "print lines as they stand in the log")
    .action((instance: string | undefined, options: LogsOptions) => logs(cli, instance, options));
}

async function logs(cli: Cli, wanted: string | undefined, options: LogsOptions): Promise<void> {
  const folder = cli.folder();
  const found = logFiles(folder, wanted);
  if (found.size === 0) throw nothing(folder, wanted);
  const several = found.size > 1 || wanted === undefined;
  const print = (name: string, line: string) => {
    const text = options.raw === true ? line : readable(line, cli.terminal.colors);
    cli.terminal.line(several ? `${cli.terminal.colors.cyan(name)} ${text}` : text);
  };
  for (const [name, path] of found) for (const line of await lastLines(path, options.lines)) print(name, line);
  if (options.follow !== true) return;
  await tail(() => logFiles(folder, wanted), print, { everyMs: LOOK_MS, skip: found });
}

function logFiles(folder: string, wanted: string | undefined): ReadonlyMap<string, string> {
  const instances = join(statePaths(folder).root, "instances");
  if (!existsSync(instances)) return new Map();
  return new Map(
    readdirSync(instances)
      .filter(
        (name) =>
          wanted === undefined ||
          name === wanted ||
          name.split(/[.@]/).includes(wanted) ||
          name.startsWith(`${wanted}@`),
      )
      .map((name) => [name, join(instances, name, "log")] as const)
      .filter(([, path]) => existsSync(path)),
  );
}

function nothing(folder: string, wanted: string | undefined): CommandFailed {
  const all = [...logFiles(folder, undefined).keys()];
  if (wanted === undefined || all.length === 0) return notRunning(folder);
  return new CommandFailed(
    {
      code: "no-such-instance",
      at: wanted,
      says: "no instance has this name",
      fix: `the instances are ${all.join(", ")}`,
    },
    exit.badInput,
  );
}
