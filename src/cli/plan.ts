import { type Command, InvalidArgumentError } from "commander";
import type { Change, PlanView } from "../control/event.ts";
import { connect, ensureControl } from "../control/start.ts";
import type { Cli } from "./context.ts";
import { counts } from "./options.ts";
import { stopEverything } from "./stop.ts";
import { duration, type Terminal } from "./terminal.ts";

export function planCommand(program: Command, cli: Cli): void {
  program
    .command("plan")
    .description("show what a change would do, step by step, without doing it")
    .argument("[change]", "up, deploy, down, undo or scale", "up")
    .argument("[counts...]", "with scale: app=4, workers=2")
    .option("--json", "print the plan as JSON")
    .addHelpText("after", "\nExamples:\n  ninefold plan deploy\n  ninefold plan scale app=4\n")
    .action(async (kind: string, words: string[], options: { json?: boolean }) => {
      const plan = await planned(cli.folder(), changeOf(kind, words));
      if (options.json === true) cli.terminal.line(JSON.stringify(plan, undefined, 2));
      else show(plan, cli.terminal);
    });
}

function changeOf(kind: string, words: readonly string[]): Change {
  if (kind === "scale") {
    const { app, workers } = counts(words);
    return { kind, ...(app === undefined ? {} : { app }), ...(workers === undefined ? {} : { workers }) };
  }
  if (kind === "up" || kind === "deploy" || kind === "down" || kind === "undo") return { kind };
  throw new InvalidArgumentError(`\`${kind}\` is no change. Write up, deploy, down, undo or scale.`);
}

/** Asks the control plane; one that was only started for the question is stopped again. */
async function planned(folder: string, change: Change): Promise<PlanView> {
  const running = await connect(folder);
  const control = running ?? (await ensureControl(folder));
  try {
    return await control.plan(change);
  } finally {
    if (running === undefined) await stopEverything(folder, {});
  }
}

function show(plan: PlanView, terminal: Terminal): void {
  const { colors } = terminal;
  if (plan.steps.length === 0) {
    terminal.line("Nothing to change.");
    return;
  }
  terminal.line(`${colors.bold(plan.says)} (${plan.steps.length} steps, about ${duration(plan.expectedMs)})`);
  for (const [i, step] of plan.steps.entries()) {
    terminal.line();
    terminal.line(`${String(i + 1).padStart(2)}. ${step.says}`);
    terminal.line(`    takes about ${duration(step.expectedMs)}; risk: ${step.risk}`);
    terminal.line(`    goes on when ${step.gate}`);
    terminal.line(`    undone by: ${step.undo}`);
    if (step.pointOfNoReturn) terminal.line(colors.yellow("    from here on, only forward"));
  }
}
