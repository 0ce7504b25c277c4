import type { Command } from "commander";
import { connect, ensureControl } from "../control/start.ts";
import { question } from "./confirm.ts";
import type { Cli } from "./context.ts";
import { exit } from "./exit.ts";
import { follow } from "./follow.ts";
import { CommandFailed } from "./problem.ts";

interface DownOptions {
  destroy?: boolean;
  yes?: boolean;
  json?: boolean;
}

export function downCommand(program: Command, cli: Cli): void {
  program
    .command("down")
    .description("stop the service and everything it runs on; the data stays")
    .option("--destroy", "also remove its data, for good")
    .option("-y, --yes", "do not ask before removing data")
    .option("--json", "print events as lines of JSON")
    .action((options: DownOptions) => down(cli, options));
}

async function down(cli: Cli, options: DownOptions): Promise<void> {
  const folder = cli.folder();
  if (options.destroy === true && options.yes !== true) await confirm(folder);
  // Data can be removed while nothing runs; the control plane is what knows where all of it lies.
  const control = options.destroy === true ? await ensureControl(folder) : await connect(folder);
  if (control === undefined) {
    cli.terminal.note("The service is not running.");
    return;
  }
  const change = options.destroy === true ? { destroy: true } : {};
  const outcome = await follow(control.down(change), cli.terminal, options);
  if (!outcome.done) throw new CommandFailed(outcome.problem);
  if (options.json === true) return;
  cli.terminal.note(options.destroy === true ? "Stopped, and its data removed." : "Stopped; the data stays.");
}

async function confirm(folder: string): Promise<void> {
  const refused = (says: string, fix: string) =>
    new CommandFailed({ code: "not-confirmed", at: folder, says, fix }, exit.badInput);
  if (!process.stdin.isTTY) throw refused("`--destroy` removes all data of the service", "add `--yes` to confirm it");
  const answer = await question(`Remove all data of the service in ${folder}? Type "destroy" to do it: `);
  if (answer !== "destroy") throw refused("nothing was removed", "type `destroy` when asked, or add `--yes`");
}
