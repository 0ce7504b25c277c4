import type { MemberView } from "../engines/patroni/index.ts";
import { clusterName, clustersOf } from "../plan/clusters.ts";
import { databaseSettings } from "../plan/database-steps.ts";
import { etcdMembers, replicationOf } from "../plan/replication.ts";
import type { Situation } from "../plan/situation.ts";
import type { Replication } from "../plan/step.ts";
import type { InstanceName } from "../topology/names.ts";
import type { InstanceView, ProblemReport } from "./event.ts";
import type { World } from "./world.ts";

/** The members of the cluster that serves, as they know of each other. */
export interface ReplicationStatus {
  readonly cluster: InstanceName;
  readonly replication: Replication;
  readonly etcd: readonly InstanceName[];
  /** Empty when none of them answers. */
  readonly members: readonly MemberView[];
}

/** Undefined where the database has no standbys. */
export async function replicationStatus(
  situation: Situation,
  standbys: World["standbys"],
): Promise<ReplicationStatus | undefined> {
  const { topology, running } = situation;
  const clusters = clustersOf(situation);
  if (!running || topology === undefined || clusters === undefined) return undefined;
  const replication = replicationOf(topology, clusters, clusters.serving);
  if (replication.standbys.length === 0) return undefined;
  const cluster = clusterName(topology, clusters.serving);
  const actions = standbys({ cluster, settings: databaseSettings(topology), replication });
  const members = await actions.view().catch(() => []); // its members' own health says why
  return { cluster, replication, etcd: etcdMembers(topology, clusters), members };
}

/** An instance with its place in the cluster: `primary`, `synchronous` where commits wait for it, or `standby`. */
export function withPlace(instance: InstanceView, status: ReplicationStatus | undefined): InstanceView {
  const member = status?.members.find(({ name }) => name === instance.name);
  if (member === undefined || instance.details === undefined) return instance;
  return { ...instance, details: { ...instance.details, role: member.role } };
}

/** What the members lack together, beside what each of them says of itself. */
export function replicationProblems(
  { cluster, replication, etcd, members }: ReplicationStatus,
  instances: readonly InstanceView[],
): ProblemReport[] {
  const ready = (name: string) => instances.some((one) => one.name === name && one.health === "ready");
  const voting = etcd.filter(ready).length;
  const waited = members.filter(({ role }) => role === "synchronous").map(({ name }) => name);
  if (voting * 2 <= etcd.length) {
    const says = `${voting} of ${etcd.length} members of etcd are left, and who leads cannot be agreed on: writes may stop, reads go on`;
    return [
      {
        code: "etcd-without-majority",
        at: etcd.join(", "),
        says,
        fix: "bring them back: `ninefold up`, or see their logs",
      },
    ];
  }
  if (!members.some(({ role }) => role === "primary")) {
    const says = "no member leads: writes wait, reads go on";
    const fix = `a standby takes over within ${replication.ttlSeconds + 2} s; if none does, see the logs of the members`;
    return [{ code: "no-primary", at: cluster, says, fix }];
  }
  if (!replication.synchronous) return [];
  if (waited.length === 0) {
    const strict = replication.standbys.length > 1;
    const says = strict
      ? "no standby is there to wait for: writes wait, so that none can be lost"
      : "no standby is there to wait for: a write is on one host only until it is back";
    return [
      { code: "no-synchronous-standby", at: cluster, says, fix: "bring a standby back: see what it lacks below" },
    ];
  }
  return members
    .filter(({ name, role }) => role === "standby" && ready(name))
    .map(({ name }) => ({
      code: "standby-not-synchronous",
      at: name,
      says: "commits do not wait for it yet, so that nothing is read from it",
      fix: "nothing to do: Patroni takes it in within seconds; if not, see its log",
    }));
}
