import type { InstanceName } from "../topology/names.ts";
import { allClusters, clusterName, clustersOf } from "./clusters.ts";
import { balancerName } from "./front-steps.ts";
import { active, serviceInstances } from "./members.ts";
import { etcdMembers, membersOf, replicationOf } from "./replication.ts";
import type { Situation } from "./situation.ts";

/** Names of everything that a situation runs, engines first. */
export function runningInstances(situation: Situation): readonly InstanceName[] {
  const runs = active(situation);
  const clusters = clustersOf(situation);
  if (runs === undefined || clusters === undefined) return [];
  const { topology } = runs;
  return [
    ...etcdMembers(topology, clusters),
    ...allClusters(clusters).flatMap((cluster) =>
      membersOf(clusterName(topology, cluster), replicationOf(topology, clusters, cluster)),
    ),
    ...(topology.balancer === undefined ? [] : [balancerName(topology)]),
    ...serviceInstances(situation).map(({ instance }) => instance),
  ];
}
