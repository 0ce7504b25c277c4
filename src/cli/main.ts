import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command, CommanderError } from "commander";
import { PACKAGE_ROOT } from "../topology/package.ts";
import { addCommands } from "./commands.ts";
import { createCli } from "./context.ts";
import { exit } from "./exit.ts";
import { tell } from "./problem.ts";
import { createTerminal } from "./terminal.ts";

const { version } = JSON.parse(readFileSync(join(PACKAGE_ROOT, "package.json"), "utf8"));
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

await addCommands(program, cli, process.argv.slice(2));

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
