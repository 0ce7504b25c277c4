import { clusterName, clustersOf } from "../plan/clusters.ts";
import { databaseSettings } from "../plan/database-steps.ts";
import { membersOf, replicationOf } from "../plan/replication.ts";
import type { InstanceName } from "../topology/names.ts";
import type { Switchover, SwitchoverView } from "./event.ts";
import type { Journal } from "./journal.ts";
import { NothingThere, refuseOpen } from "./problem.ts";
import type { World } from "./world.ts";

/**
 * Moves the primary on purpose, while no plan is under way: no plan is needed, since any member may lead at any time.
 * Throws PlanUnderWay, NothingThere, PatroniFailed.
 */
export async function switchover({ to }: Switchover, journal: Journal, world: World): Promise<SwitchoverView> {
  refuseOpen(journal.open());
  const { situation } = journal;
  const { topology, running } = situation;
  const clusters = clustersOf(situation);
  if (!running || topology === undefined || clusters === undefined)
    throw new NothingThere("the service does not run", "start it with `ninefold up`");
  const { serving } = clusters;
  const replication = replicationOf(topology, clusters, serving);
  const cluster = clusterName(topology, serving);
  const members = membersOf(cluster, replication);
  if (members.length === 1)
    throw new NothingThere("the database has no standby that could lead", "climb to rung 4: `ninefold climb --to 4`");
  if (to !== undefined && !members.includes(to as InstanceName))
    throw new NothingThere(`${to} is no member of the database`, `name one of ${members.join(", ")}`);
  const settings = databaseSettings(topology);
  const began = performance.now();
  const moved = await world.standbys({ cluster, settings, replication }).switchover(to as InstanceName | undefined);
  const tookMs = Math.round(performance.now() - began);
  await world.publishEndpoints({ instance: cluster, kind: serving.kind, replication });
  return { ...moved, tookMs };
}
