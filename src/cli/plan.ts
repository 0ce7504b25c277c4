import { type Command, InvalidArgumentError, Option } from "commander";
import type { Change, PlanView } from "../control/event.ts";
import { connect, ensureControl } from "../control/start.ts";
import type { Rung } from "../topology/rung.ts";
import type { Cli } from "./context.ts";
import { counts, rung } from "./options.ts";
import { stopEverything } from "./stop.ts";
import { duration, type Terminal } from "./terminal.ts";

export function planCommand(program: Command, cli: Cli): void {
  program
    .command("plan")
    .description("show what a change would do, step by step, without doing it")
    .argument("[change]", "up, climb, descend, deploy, finish, down, undo or scale", "up")
    .argument("[counts...]", "with scale: app=4, workers=2, replicas=2")
    .addOption(new Option("--to <rung>", "the rung to climb or descend to").argParser(rung))
    .option("--json", "print the plan as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  ninefold plan deploy\n  ninefold plan scale app=4\n  ninefold plan climb --to 3\n",
    )
    .action(async (kind: string, words: string[], options: { to?: Rung; json?: boolean }) => {
      const plan = await planned(cli.folder(), changeOf(kind, words, options.to));
      if (options.json === true) cli.terminal.line(JSON.stringify(plan, undefined, 2));
      else show(plan, cli.terminal);
    });
}

function changeOf(kind: string, words: readonly string[], to: Rung | undefined): Change {
  // `plan --to 3` asks for the way there from wherever the service is; `up` knows it.
  if (kind === "up") return { kind, ...(to === undefined ? {} : { rung: to }) };
  if (kind === "climb" || kind === "descend") return { kind, ...(to === undefined ? {} : { to }) };
  if (kind === "scale") {
    return { kind, ...counts(words) };
  }
  if (kind === "deploy" || kind === "finish" || kind === "down" || kind === "undo") return { kind };
  const known = "up, climb, descend, deploy, finish, down, undo or scale";
  throw new InvalidArgumentError(`\`${kind}\` is no change. Write ${known}.`);
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
