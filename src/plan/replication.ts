import { InstanceName } from "../topology/names.ts";
import type { Topology } from "../topology/topology.ts";
import { allClusters, type Cluster, type Clusters, clusterName } from "./clusters.ts";
import { firstDatacenter, mainDatabase } from "./situation.ts";
import type { Replication } from "./step.ts";

/** Members of etcd beside standbys: with one lost, the others still agree on who leads. */
const ETCD_MEMBERS = 3;

/** Of a cluster without standbys. Nobody could take its place, so that nothing hurries. */
export const ALONE: Replication = { standbys: [], synchronous: false, ttlSeconds: 20, lagMs: 0 };

/**
 * How a cluster is replicated by a topology. Only the one that serves has standbys: one that is moved, or that follows
 * for going back, has one member.
 */
export function replicationOf(topology: Topology, clusters: Clusters, { generation }: Cluster): Replication {
  const { serving } = clusters;
  const { replicas, synchronous = "local", failover, lagMs } = mainDatabase(topology);
  if (serving.generation !== generation || serving.kind === "embedded" || replicas === 0) return ALONE;
  const first = clusterName(topology, serving);
  return {
    standbys: Array.from({ length: replicas }, (_, index) => numbered(first, index + 2)),
    synchronous: synchronous !== "off",
    ttlSeconds: failover.ttlSeconds,
    lagMs,
  };
}

/** All members of a cluster, by the name of its first one. */
export function membersOf(first: InstanceName, replication: Replication | undefined): readonly InstanceName[] {
  return [first, ...(replication?.standbys ?? [])];
}

/** The members of etcd that clusters need, in the order in which they join: none, one, or with standbys three. */
export function etcdMembers(topology: Topology, clusters: Clusters): readonly InstanceName[] {
  if (allClusters(clusters).every(({ kind }) => kind === "embedded")) return [];
  const all = etcdNames(firstDatacenter(topology));
  return replicationOf(topology, clusters, clusters.serving).standbys.length > 0 ? all : all.slice(0, 1);
}

/** Names of all members of etcd that a data centre can have. */
export function etcdNames(datacenter: string): readonly InstanceName[] {
  const first = InstanceName.parse(`${datacenter}.etcd.1`);
  return Array.from({ length: ETCD_MEMBERS }, (_, index) => numbered(first, index + 1));
}

function numbered(first: InstanceName, number: number): InstanceName {
  return InstanceName.parse(first.replace(/\d+$/, String(number)));
}
