import type { Descriptions } from "./description.ts";
import type { Replication } from "./step.ts";

type StandbyStep =
  | "add-etcd"
  | "remove-etcd"
  | "add-standby"
  | "remove-standby"
  | "change-replication"
  | "lead"
  | "publish-standbys";

export const STANDBYS: Descriptions<StandbyStep> = {
  "add-etcd": ({ instance, others }) => ({
    says: `add ${instance} to etcd, as member ${others.length + 1}`,
    expectedMs: 2_500,
    gate: "it has caught up and votes",
    undo: "take it out again",
  }),
  "remove-etcd": ({ instance, others }) => ({
    says: `take ${instance} out of etcd, which leaves ${others.length}`,
    expectedMs: 1_500,
    gate: "the others agree without it, and its data is gone",
    undo: "add it again",
  }),
  "add-standby": ({ instance, cluster }) => ({
    says: `copy ${cluster} to ${instance}, and follow what changes`,
    expectedMs: 6_000,
    gate: "it streams from the primary and is less than a moment behind",
    undo: "remove it",
  }),
  "remove-standby": ({ instance }) => ({
    says: `stop ${instance} and remove its data`,
    expectedMs: 2_000,
    gate: "the primary has forgotten it",
    undo: "copy the primary to it again",
  }),
  "change-replication": ({ cluster, from, replication }) => ({
    says: `let commits to ${cluster} ${mode(replication)}`,
    expectedMs: 3_000,
    gate: "the primary says so, and so does what Patroni fails over by",
    undo: `let them ${mode(from)} again`,
  }),
  lead: ({ among }) => ({
    risk: "pause",
    says: `let ${among.length === 1 ? among[0] : `one of ${among.join(", ")}`} be the primary`,
    expectedMs: 200,
    gate: "it takes writes; where another one was the primary, statements wait for about a second",
    undo: "nothing to undo: any member may lead",
  }),
  "publish-standbys": ({ replication: { standbys } }) => ({
    says:
      standbys.length === 0
        ? "let the service read from the primary only"
        : `let the service read from ${standbys.join(", ")} as well`,
    expectedMs: 200,
    gate: "what runs uses it",
    undo: "let it read from where it did",
  }),
};

function mode({ standbys, synchronous, lagMs }: Replication): string {
  const behind = lagMs === 0 ? "" : `, which are held ${lagMs / 1_000} s behind`;
  if (standbys.length === 0) return "wait for no standby";
  return `${synchronous ? "wait for" : "go on without waiting for"} ${standbys.join(", ")}${behind}`;
}
