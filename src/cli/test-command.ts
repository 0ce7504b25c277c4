import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import type { Command } from "commander";
import { statePaths } from "../control/paths.ts";
import { ensureControl } from "../control/start.ts";
import { freePort } from "../machine/free-port.ts";
import type { Cli } from "./context.ts";
import { follow } from "./follow.ts";
import { CommandFailed } from "./problem.ts";
import { stopEverything } from "./stop.ts";

/** Folders of a service that a copy of it does without. */
const LEFT_OUT = new Set(["node_modules", ".git", ".ninefold"]);

export function testCommand(program: Command, cli: Cli): void {
  program
    .command("test")
    .description(
      "run a command against a fresh copy of the service with an empty database; its address is in NINEFOLD_URL",
    )
    .argument("<command...>", "after `--`, such as `node --test`")
    .addHelpText("after", '\nExample:\n  ninefold test -- node --test "test/*.test.ts"\n')
    .action(async (words: string[]) => cli.exit(await runAgainstCopy(cli, words)));
}

async function runAgainstCopy(cli: Cli, [file = "", ...args]: readonly string[]): Promise<number> {
  const folder = cli.folder();
  // Inside the service's folder, so that its packages are found from there.
  const copy = join(statePaths(folder).root, "test", randomBytes(4).toString("hex"), basename(folder));
  copyService(folder, copy);
  let child: ChildProcess | undefined;
  const stop = (signal: NodeJS.Signals) => child?.kill(signal);
  process.on("SIGINT", stop).on("SIGTERM", stop);
  try {
    const control = await ensureControl(copy);
    const outcome = await follow(
      control.apply({ kind: "up", host: "127.0.0.1", port: await freePort() }),
      cli.terminal,
    );
    if (!outcome.done) throw new CommandFailed(outcome.problem);
    const { url } = await control.status();
    child = spawn(file, args, { cwd: folder, stdio: "inherit", env: { ...process.env, NINEFOLD_URL: url } });
    return await ended(child, file);
  } finally {
    await stopEverything(copy, { destroy: true });
    rmSync(join(copy, ".."), { recursive: true, force: true });
  }
}

/** Entry by entry, since a folder cannot be copied as a whole to a place inside itself. */
function copyService(folder: string, copy: string): void {
  mkdirSync(copy, { recursive: true });
  for (const entry of readdirSync(folder).filter((name) => !LEFT_OUT.has(name))) {
    cpSync(join(folder, entry), join(copy, entry), { recursive: true });
  }
}

function ended(child: ChildProcess, file: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.on("exit", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 1)));
    child.on("error", (cause) => {
      const says = `could not be started: ${cause.message}`;
      reject(new CommandFailed({ code: "test-command", at: file, says, fix: "name a command that exists after `--`" }));
    });
  });
}
