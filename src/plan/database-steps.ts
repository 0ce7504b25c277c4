import type { Topology } from "../topology/topology.ts";
import { allClusters, type Cluster, type Clusters, clusterName, clustersOf } from "./clusters.ts";
import type { Active } from "./members.ts";
import { etcdMembers, replicationOf } from "./replication.ts";
import { mainDatabase } from "./situation.ts";
import type { DatabaseSettings, MoveRef, Step } from "./step.ts";

export function databaseSettings(topology: Topology): DatabaseSettings {
  const { maxConnections, memoryMb } = mainDatabase(topology);
  return { maxConnections, memoryMb };
}

/** Tells the service where the cluster that serves is. */
export function publishing(topology: Topology, clusters: Clusters): Step {
  const { serving } = clusters;
  return { name: "publish-endpoints", ...clusterRef(topology, serving), ...replicated(topology, clusters, serving) };
}

/** Starts clusters with the members they have, or from nothing. The one that serves is prepared. */
export function startingClusters(topology: Topology, clusters: Clusters): Step[] {
  const { serving, copy } = clusters;
  const settings = databaseSettings(topology);
  const of = (cluster: Cluster) => ({ ...clusterRef(topology, cluster), ...replicated(topology, clusters, cluster) });
  return [
    ...etcd("start-etcd", topology, clusters),
    { name: "init-database", ...clusterRef(topology, serving), settings },
    { name: "start-database", ...of(serving), settings },
    ...(copy === undefined ? [] : [{ name: "start-database", ...of(copy), settings } as const]),
    { name: "prepare-database", ...of(serving), settings },
  ];
}

export function stoppingClusters(topology: Topology, clusters: Clusters): Step[] {
  const settings = databaseSettings(topology);
  return [
    ...allClusters(clusters).map((cluster): Step => {
      const standbys = replicated(topology, clusters, cluster);
      return { name: "stop-database", ...clusterRef(topology, cluster), ...standbys, settings };
    }),
    ...etcd("stop-etcd", topology, clusters),
  ];
}

/** Other settings for the clusters that stay, with the standbys that they have then: those of `during`. */
export function changingSettings(from: Active, to: Active, during: Active): Step[] {
  const before = databaseSettings(from.topology);
  const after = databaseSettings(to.topology);
  const [old, kept, all] = [from, to, during].map(clustersOf);
  if (JSON.stringify(before) === JSON.stringify(after) || !old || !kept || !all) return [];
  const staying = allClusters(old).filter((one) => allClusters(kept).some(sameCluster(one)));
  return staying.map((cluster) => ({
    name: "change-database",
    ...clusterRef(to.topology, cluster),
    ...replicated(during.topology, all, cluster),
    from: before,
    settings: after,
  }));
}

/** The way to the cluster that is to serve: back to the copy, or to one that is made for it. */
export function movingDatabase(to: Active, before: Clusters, after: Clusters): Step[] {
  if (before.serving.generation === after.serving.generation) return dropping(to.topology, before, after);
  const { topology } = to;
  if (before.copy?.generation === after.serving.generation) {
    const move = moveBetween(topology, before.serving, after.serving);
    const forward = after.serving.generation > before.serving.generation;
    return [
      { name: "verify-copy", ...move },
      { name: "cut-over", ...move, forward },
    ];
  }
  const move = moveBetween(topology, before.serving, after.serving);
  return [
    ...(needsEtcd(before) ? [] : firstEtcd("start-etcd", topology, after)),
    { name: "make-cluster", ...move.target, settings: databaseSettings(topology) },
    { name: "check-move", ...move },
    { name: "copy-schema", ...move },
    { name: "copy-rows", ...move },
    { name: "finish-copy", ...move },
    { name: "verify-copy", ...move },
    { name: "cut-over", ...move, forward: true },
  ];
}

/** Removes the copy that is no longer wanted, and etcd with the last cluster that needs it. */
function dropping(topology: Topology, { serving, copy }: Clusters, after: Clusters): Step[] {
  if (copy === undefined || after.copy !== undefined) return [];
  const move = moveBetween(topology, serving, copy);
  const drops = copy.generation > serving.generation ? "target" : "source";
  return [
    { name: "drop-copy", ...move, drops },
    ...(needsEtcd(after) ? [] : firstEtcd("stop-etcd", topology, { serving, copy })),
  ];
}

/** The move between two clusters always goes from the older to the newer one, whichever serves now. */
function moveBetween(topology: Topology, a: Cluster, b: Cluster): MoveRef {
  const [source, target] = a.generation < b.generation ? [a, b] : [b, a];
  return {
    id: `${source.generation}_${target.generation}`,
    source: clusterRef(topology, source),
    target: clusterRef(topology, target),
  };
}

function clusterRef(topology: Topology, cluster: Cluster) {
  return { instance: clusterName(topology, cluster), kind: cluster.kind };
}

/** How a step says that a cluster has standbys; empty where it has none. */
function replicated(topology: Topology, clusters: Clusters, cluster: Cluster) {
  const replication = replicationOf(topology, clusters, cluster);
  return replication.standbys.length === 0 ? {} : { replication };
}

function sameCluster(a: Cluster): (b: Cluster) => boolean {
  return (b) => a.generation === b.generation;
}

function needsEtcd(clusters: Clusters): boolean {
  return allClusters(clusters).some(({ kind }) => kind === "patroni");
}

function etcd(name: "start-etcd" | "stop-etcd", topology: Topology, clusters: Clusters): Step[] {
  const [instance, ...others] = etcdMembers(topology, clusters);
  if (instance === undefined) return [];
  return [{ name, instance, ...(others.length === 0 ? {} : { others }) }];
}

/** The one member that clusters without standbys need. */
function firstEtcd(name: "start-etcd" | "stop-etcd", topology: Topology, clusters: Clusters): Step[] {
  return etcdMembers(topology, clusters)
    .slice(0, 1)
    .map((instance) => ({ name, instance }));
}
