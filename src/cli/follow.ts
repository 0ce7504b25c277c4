import type { PlanEvents } from "../control/client.ts";
import type { ControlEvent, ProblemReport } from "../control/event.ts";
import { duration, type Terminal } from "./terminal.ts";

/** How a plan ended, as far as a command's exit code is concerned. */
export type Outcome = { readonly done: true } | { readonly done: false; readonly problem: ProblemReport };

/** Shows a plan's events as they come and says how it ended. With `json`, each event is a line of JSON on standard output. */
export async function follow(
  events: PlanEvents,
  terminal: Terminal,
  options: { json?: boolean } = {},
): Promise<Outcome> {
  let outcome: Outcome | undefined;
  const labels = new Map<number, string>();
  for await (const event of events) {
    if (options.json === true) terminal.line(JSON.stringify(event));
    else show(event, labels, terminal);
    if (event.kind === "finished") outcome = { done: true };
    if (event.kind === "failed") outcome = { done: false, problem: event.problem };
  }
  terminal.settle();
  return outcome ?? { done: false, problem: silence };
}

const silence: ProblemReport = {
  code: "plan-silent",
  at: "control plane",
  says: "the plan's events ended before the plan did",
  fix: "see `ninefold status`",
};

/** @param labels of the steps that have begun, by their number: some begin before the one ahead of them has ended */
function show(event: ControlEvent, labels: Map<number, string>, terminal: Terminal): void {
  const { colors } = terminal;
  switch (event.kind) {
    case "plan":
      if (event.plan.steps.length === 0) terminal.note("Nothing to change.");
      return;
    case "step-started": {
      const label = `[${event.step}/${event.of}] ${event.says}`;
      labels.set(event.step, label);
      terminal.progress(`${label} …`);
      return;
    }
    case "step-progress":
      terminal.progress(`${labels.get(event.step) ?? ""}: ${event.says}`);
      return;
    case "step-done":
      terminal.progress(`${labels.get(event.step) ?? ""} ${colors.dim(duration(event.tookMs))}`);
      terminal.settle();
      return;
    case "step-failed":
      terminal.progress(`${labels.get(event.step) ?? ""} ${colors.red("failed")}`);
      terminal.settle();
      return;
    case "undoing":
      terminal.note(`  going back: ${event.says}`);
      return;
    case "finished":
      return;
    case "failed":
      if (event.undone) terminal.note("What had been done is undone; what served before still serves.");
  }
}
