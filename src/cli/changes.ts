import type { Command } from "commander";
import type { PlanEvents } from "../control/client.ts";
import { type Cli, runningControl } from "./context.ts";
import { follow } from "./follow.ts";
import { counts } from "./options.ts";
import { CommandFailed } from "./problem.ts";

/** `scale`, `deploy`, `undo`: one change each of a service that runs. */
export function changeCommands(program: Command, cli: Cli): void {
  const json = ["--json", "print events as lines of JSON"] as const;

  program
    .command("scale")
    .description("change how many instances run, while the service serves")
    .argument("<counts...>", "such as app=4 or workers=2")
    .option(...json)
    .action(async (words: string[], options: { json?: boolean }) => {
      const { app, workers } = counts(words);
      const to = { ...(app === undefined ? {} : { app }), ...(workers === undefined ? {} : { workers }) };
      await make(cli, (await runningControl(cli)).scale(to), options, `Now ${words.join(" ")}.`);
    });

  program
    .command("deploy")
    .description(
      "roll out the service's code as it is in its folder now: migrations first, then one instance after another",
    )
    .option(...json)
    .action(async (options: { json?: boolean }) => {
      const control = await runningControl(cli);
      await make(cli, control.deploy(), options, async () => `Release ${(await control.status()).release} serves.`);
    });

  program
    .command("undo")
    .description("go back to what ran before the last change")
    .option(...json)
    .action(async (options: { json?: boolean }) => {
      await make(cli, (await runningControl(cli)).undo(), options, "Undone.");
    });
}

async function make(
  cli: Cli,
  events: PlanEvents,
  options: { json?: boolean },
  says: string | (() => Promise<string>),
): Promise<void> {
  const outcome = await follow(events, cli.terminal, options);
  if (!outcome.done) throw new CommandFailed(outcome.problem);
  if (options.json !== true) cli.terminal.note(typeof says === "string" ? says : await says());
}
