import type { InstanceName } from "../topology/names.ts";
import { type Clusters, clusterName } from "./clusters.ts";
import { databaseSettings } from "./database-steps.ts";
import type { Active } from "./members.ts";
import { ALONE, etcdMembers, replicationOf } from "./replication.ts";
import type { DatabaseSettings, Replication, Step } from "./step.ts";

/** A cluster whose standbys change, named by its first member. */
interface On {
  readonly cluster: InstanceName;
  readonly settings: DatabaseSettings;
}

interface Etcd {
  readonly from: readonly InstanceName[];
  readonly to: readonly InstanceName[];
}

/** Standbys from one situation that runs to another. A cluster that is moved has none: they go before, and come after. */
export function changingStandbys(
  [from, before]: readonly [Active, Clusters],
  [to, after]: readonly [Active, Clusters],
  limits: "raised" | "lowered",
): { readonly remove: Step[]; readonly add: Step[] } {
  const moved = before.serving.generation !== after.serving.generation;
  const made = moved && before.copy?.generation !== after.serving.generation;
  // Limits that are lowered come last, but for a cluster that is made with them.
  const old = databaseSettings((limits === "raised" ? to : from).topology);
  const was = replicationOf(from.topology, before, before.serving);
  const will = replicationOf(to.topology, after, after.serving);
  const leaves = { cluster: clusterName(from.topology, before.serving), settings: old };
  const enters = {
    cluster: clusterName(to.topology, after.serving),
    settings: made ? databaseSettings(to.topology) : old,
  };
  const etcd = { from: etcdMembers(from.topology, before), to: etcdMembers(to.topology, after) };
  if (moved) {
    return {
      remove: removing(leaves, was, ALONE, { ...etcd, to: etcd.from.slice(0, 1) }),
      add: adding(enters, ALONE, will, { ...etcd, from: etcd.to.slice(0, 1) }),
    };
  }
  const fewer = was.standbys.length > will.standbys.length;
  return fewer
    ? { remove: removing(leaves, was, will, etcd), add: [] }
    : { remove: [], add: adding(enters, was, will, etcd) };
}

/** The standbys of a cluster that starts from nothing. */
export function firstStandbys({ topology }: Active, clusters: Clusters): Step[] {
  const on = { cluster: clusterName(topology, clusters.serving), settings: databaseSettings(topology) };
  const etcd = etcdMembers(topology, clusters);
  return adding(on, ALONE, replicationOf(topology, clusters, clusters.serving), { from: etcd.slice(0, 1), to: etcd });
}

/** The primary is one of those that stay, readers leave the others, and then commits no longer wait for these. */
function removing(on: On, from: Replication, to: Replication, etcd: Etcd): Step[] {
  const leaving = from.standbys.filter((one) => !to.standbys.includes(one));
  if (leaving.length === 0) return [];
  return [
    { name: "lead", ...on, replication: from, among: [on.cluster, ...to.standbys] },
    { name: "publish-standbys", ...on, from, replication: to },
    { name: "change-replication", ...on, from, replication: to },
    ...leaving.toReversed().map((instance): Step => ({ name: "remove-standby", instance, ...on, replication: to })),
    ...joining({ from: etcd.to, to: etcd.from })
      .toReversed()
      .map((member): Step => ({ name: "remove-etcd", ...member })),
  ];
}

/** When they have caught up, commits wait for them, and readers use them. Or the same ones in another way. */
function adding(on: On, from: Replication, to: Replication, etcd: Etcd): Step[] {
  const entering = to.standbys.filter((one) => !from.standbys.includes(one));
  const change: Step = { name: "change-replication", ...on, from, replication: to };
  if (entering.length === 0) return JSON.stringify(from) === JSON.stringify(to) ? [] : [change];
  return [
    ...joining(etcd).map((member): Step => ({ name: "add-etcd", ...member })),
    ...entering.map((instance): Step => ({ name: "add-standby", instance, ...on, replication: from })),
    change,
    { name: "publish-standbys", ...on, from, replication: to },
  ];
}

/** Members that only `to` has, one after another, each with those that are there by then. */
function joining({ from, to }: Etcd) {
  return to.slice(from.length).map((instance, index) => ({ instance, others: to.slice(0, from.length + index) }));
}
