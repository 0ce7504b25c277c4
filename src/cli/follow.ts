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
  let running = { label: "", expectedMs: 0 };
  for await (const event of events) {
    if (options.json === true) terminal.line(JSON.stringify(event));
    else running = show(event, running, terminal);
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

function show(event: ControlEvent, running: { label: string; expectedMs: number }, terminal: Terminal) {
  const { colors } = terminal;
  switch (event.kind) {
    case "plan":
      if (event.plan.steps.length === 0) terminal.note("Nothing to change.");
      return running;
    case "step-started": {
      const label = `[${event.step}/${event.of}] ${event.says}`;
      terminal.progress(`${label} …`);
      return { label, expectedMs: event.expectedMs };
    }
    case "step-progress":
      terminal.progress(`${running.label}: ${event.says}`);
      return running;
    case "step-done":
      terminal.progress(`${running.label} ${colors.dim(duration(event.tookMs))}`);
      terminal.settle();
      return running;
    case "step-failed":
      terminal.progress(`${running.label} ${colors.red("failed")}`);
      terminal.settle();
      return running;
    case "undoing":
      terminal.note(`  going back: ${event.says}`);
      return running;
    case "finished":
      return running;
    case "failed":
      if (event.undone) terminal.note("What had been done is undone; what served before still serves.");
      return running;
  }
}
