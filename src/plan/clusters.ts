import { InstanceName } from "../topology/names.ts";
import type { Topology } from "../topology/topology.ts";
import { firstDatacenter, mainDatabase, type Situation } from "./situation.ts";

/** How a cluster of PostgreSQL is run: `embedded` from npm beside the service, `patroni` on hosts of its own. */
export type ClusterKind = "embedded" | "patroni";

/** A cluster that held or holds the rows of `databases.main`. Each move makes a new one, with the next number. */
export interface Cluster {
  /** From 1. */
  readonly generation: number;
  readonly kind: ClusterKind;
}

/** Clusters of a deployment: the one that serves, and the one before it while it still follows, so that going back loses nothing. */
export interface Clusters {
  readonly serving: Cluster;
  readonly copy?: Cluster;
}

export function clusterKind(topology: Topology): ClusterKind {
  return mainDatabase(topology).host === "own" ? "patroni" : "embedded";
}

/** The clusters of a situation, undefined where there is no data. */
export function clustersOf({ topology, clusters }: Situation): Clusters | undefined {
  if (topology === undefined) return undefined;
  return clusters ?? { serving: { generation: 1, kind: clusterKind(topology) } };
}

/** The clusters after a change of the topology: as they are, the copy in the serving one's place, or a new one. */
export function clustersAfter(from: Situation, to: Topology): Clusters {
  const kind = clusterKind(to);
  const before = clustersOf(from);
  if (before === undefined) return { serving: { generation: 1, kind } };
  const { serving, copy } = before;
  if (serving.kind === kind) return before;
  if (copy?.kind === kind) return { serving: copy, copy: serving };
  const generation = Math.max(serving.generation, copy?.generation ?? 0) + 1;
  return { serving: { generation, kind }, copy: serving };
}

/** Name of a cluster's first member, which stands for the cluster. */
export function clusterName(topology: Topology, { generation }: Cluster): InstanceName {
  const role = generation === 1 ? "db" : `db-${generation}`;
  return InstanceName.parse(`${firstDatacenter(topology)}.${role}.1`);
}

/** All clusters there are, the serving one first. */
export function allClusters({ serving, copy }: Clusters): readonly Cluster[] {
  return copy === undefined ? [serving] : [serving, copy];
}
