import type { Plan } from "../plan/plan.ts";
import type { PlanView } from "./event.ts";
import type { PlanRecord } from "./journal.ts";

/** A plan as clients see it. */
export function viewOf(
  plan: Plan,
  of: Pick<PlanView, "id" | "state"> & Partial<Pick<PlanRecord, "problem">>,
): PlanView {
  return {
    id: of.id,
    kind: plan.kind,
    says: plan.says,
    state: of.state,
    steps: plan.steps.map(({ do: step, ...described }, index) => ({ step: index + 1, name: step.name, ...described })),
    expectedMs: plan.steps.reduce((sum, step) => sum + step.expectedMs, 0),
    ...(of.problem === undefined ? {} : { problem: of.problem }),
  };
}
