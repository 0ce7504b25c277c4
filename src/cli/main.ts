import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command, CommanderError } from "commander";
import { backupCommand } from "./backup.ts";
import { benchCommand } from "./bench.ts";
import { changeCommands } from "./changes.ts";
import { checkCommand } from "./check.ts";
import { createCli } from "./context.ts";
import { doctorCommand } from "./doctor.ts";
import { downCommand } from "./down.ts";
import { exit } from "./exit.ts";
import { initCommand } from "./init.ts";
import { installCommand } from "./install.ts";
import { jobsCommand } from "./jobs.ts";
import { logsCommand } from "./logs.ts";
import { planCommand } from "./plan.ts";
import { tell } from "./problem.ts";
import { restoreCommand } from "./restore.ts";
import { seedCommand } from "./seed.ts";
import { statusCommand } from "./status.ts";
import { switchoverCommand } from "./switchover.ts";
import { createTerminal } from "./terminal.ts";
import { testCommand } from "./test-command.ts";
import { upCommand } from "./up.ts";

const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "..", "..", "package.json"), "utf8"));
const terminal = createTerminal();

const program = new Command("ninefold")
  .description("Runs a TypeScript service at any scale and moves it between scales while it serves.")
  .version(version)
  .option("-C, --folder <folder>", "the service's folder, instead of the current one")
  .showSuggestionAfterError()
  .showHelpAfterError("(add --help for what this command takes)")
  .addHelpText(
    "after",
    "\nExit codes: 0 done, 1 failed, 2 wrong input, 3 not running, 4 a promise was broken (check), 130 interrupted",
  )
  .exitOverride();

const cli = createCli(terminal, () => program.opts<{ folder?: string }>().folder);

initCommand(program, terminal);
upCommand(program, cli);
downCommand(program, cli);
statusCommand(program, cli);
planCommand(program, cli);
changeCommands(program, cli);
switchoverCommand(program, cli);
backupCommand(program, cli);
restoreCommand(program, cli);
logsCommand(program, cli);
checkCommand(program, cli);
benchCommand(program, cli);
jobsCommand(program, cli);
seedCommand(program, cli);
testCommand(program, cli);
installCommand(program, cli);
doctorCommand(program, cli);

// Whoever reads our output, such as `head`, may have seen enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit();
  throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? exit.done : exit.badInput;
  else process.exitCode = tell(error, terminal);
}
