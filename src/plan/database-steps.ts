import type { Topology } from "../topology/topology.ts";
import { allClusters, type Cluster, type Clusters, clusterName, clustersOf, etcdName, needsEtcd } from "./clusters.ts";
import type { Active } from "./members.ts";
import { firstDatacenter, mainDatabase } from "./situation.ts";
import type { DatabaseSettings, MoveRef, Step } from "./step.ts";

export function databaseSettings(topology: Topology): DatabaseSettings {
  const { maxConnections, memoryMb } = mainDatabase(topology);
  return { maxConnections, memoryMb };
}

/** Starts the clusters there are, from nothing or from their data. The one that serves is prepared. */
export function startingClusters(topology: Topology, { serving, copy }: Clusters): Step[] {
  const settings = databaseSettings(topology);
  const of = (cluster: Cluster) => ({ ...refTo(topology, cluster), settings });
  return [
    ...(needsEtcd({ serving, ...(copy === undefined ? {} : { copy }) }) ? [etcd("start-etcd", topology)] : []),
    { name: "init-database", ...of(serving) },
    { name: "start-database", ...of(serving) },
    ...(copy === undefined ? [] : [{ name: "start-database", ...of(copy) } as const]),
    { name: "prepare-database", ...of(serving) },
    { name: "publish-endpoints", ...refTo(topology, serving) },
  ];
}

export function stoppingClusters(topology: Topology, clusters: Clusters): Step[] {
  const settings = databaseSettings(topology);
  return [
    ...allClusters(clusters).map((cluster): Step => ({ name: "stop-database", ...refTo(topology, cluster), settings })),
    ...(needsEtcd(clusters) ? [etcd("stop-etcd", topology)] : []),
  ];
}

/** Other settings for the clusters that stay. */
export function changingSettings(from: Active, to: Active): Step[] {
  const before = databaseSettings(from.topology);
  const after = databaseSettings(to.topology);
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  const [old, kept] = [clustersOf(from), clustersOf(to)].map((all) => (all === undefined ? [] : allClusters(all)));
  const staying = (old ?? []).filter(({ generation }) => kept?.some((one) => one.generation === generation));
  return staying.map((cluster) => ({
    name: "change-database",
    ...refTo(to.topology, cluster),
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
  const needs = needsEtcd(after) && !needsEtcd(before);
  return [
    ...(needs ? [etcd("start-etcd", topology)] : []),
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
  const last = needsEtcd({ serving, copy }) && !needsEtcd(after);
  return [{ name: "drop-copy", ...move, drops }, ...(last ? [etcd("stop-etcd", topology)] : [])];
}

/** The move between two clusters always goes from the older to the newer one, whichever serves now. */
function moveBetween(topology: Topology, a: Cluster, b: Cluster): MoveRef {
  const [source, target] = a.generation < b.generation ? [a, b] : [b, a];
  return {
    id: `${source.generation}_${target.generation}`,
    source: refTo(topology, source),
    target: refTo(topology, target),
  };
}

function refTo(topology: Topology, cluster: Cluster) {
  return { instance: clusterName(topology, cluster), kind: cluster.kind };
}

function etcd(name: "start-etcd" | "stop-etcd", topology: Topology): Step {
  return { name, instance: etcdName(firstDatacenter(topology)) };
}
