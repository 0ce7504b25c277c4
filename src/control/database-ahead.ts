import { isFree } from "../machine/free-port.ts";
import { localMachine } from "../machine/local/index.ts";
import { planChange } from "../plan/plan.ts";
import { EMPTY } from "../plan/situation.ts";
import { wantedTopology } from "./changes.ts";
import { embeddedClusters } from "./clusters/embedded.ts";
import type { Change } from "./event.ts";
import { statePaths } from "./paths.ts";

/**
 * Does what the first plan does first, `init-database`, while the control plane that makes that plan still loads: it is the
 * longest of its steps. The step then finds it done, or joins in. Does nothing where the database does not come from npm, and
 * where the plan's first step, to open the public socket, would refuse to go on.
 * @param folder canonical, with an agent that runs, and never started before
 * @throws what is wrong with the change or with the database, which the plan tells better
 */
export async function initDatabaseAhead(folder: string, change: Change & { kind: "up" }): Promise<void> {
  const paths = statePaths(folder);
  const topology = await wantedTopology(change, EMPTY, paths);
  if (!(await isFree(topology.public.host, topology.public.port))) return;
  const { steps } = planChange({ kind: "up", from: EMPTY, topology, running: true, nextRelease: 1 });
  for (const { do: step } of steps) {
    if (step.name !== "init-database" || step.kind !== "embedded") continue;
    await embeddedClusters(localMachine(folder), paths).init(step.instance, step.settings);
  }
}
