import { type Difference, diff } from "../topology/diff.ts";
import { rungOf } from "../topology/rung.ts";
import type { Topology } from "../topology/topology.ts";
import { type Clusters, clustersAfter, clustersOf } from "./clusters.ts";
import { describeStep } from "./describe.ts";
import type { Description } from "./description.ts";
import type { Situation } from "./situation.ts";
import type { Step } from "./step.ts";
import { sameClusters, stepsBetween } from "./steps.ts";

export type PlanKind = "up" | "apply" | "climb" | "descend" | "scale" | "deploy" | "finish" | "down" | "undo";

interface PlannedStep extends Description {
  readonly do: Step;
}

/** The way from one situation to another, in order. Plain data: the journal keeps it whole. */
export interface Plan {
  readonly kind: PlanKind;
  readonly says: string;
  readonly from: Situation;
  readonly to: Situation;
  readonly steps: readonly PlannedStep[];
}

/** What a caller wants to run. */
export interface Wanted {
  readonly kind: PlanKind;
  readonly from: Situation;
  /** Undefined removes the data. */
  readonly topology: Topology | undefined;
  readonly running: boolean;
  /** `new`: the code as it is in the folder now. A number: a kept release. Left out: the code that is in use. */
  readonly code?: "new" | number;
  /** The lowest number that no release ever had. */
  readonly nextRelease: number;
}

/**
 * Plans a change. Pure; throws NotBuilt and ConnectionsExceeded. A change of settings that instances of the service
 * start with makes a release with the same code, so that it rolls out and is undone like new code.
 */
export function planChange(wanted: Wanted): Plan {
  const { kind, from, topology, running, nextRelease } = wanted;
  const fresh = wanted.code === "new" || from.release === undefined;
  const clusters = topology === undefined ? undefined : clustersOnceDone(wanted, topology);
  // What is stopped starts with its new settings at once, unless its data has to be moved or copied first.
  const runs = from.running || !sameClusters(from, { ...from, topology, clusters });
  const settings = runs && topology !== undefined && changesInstances(diff(from.topology, topology));
  const kept = wanted.code === "new" || wanted.code === undefined ? from.release : wanted.code;
  const replaced = fresh || (settings && kept === from.release);
  const release = !running ? from.release : replaced ? nextRelease : kept;
  const to: Situation = {
    topology,
    running,
    release: topology === undefined ? undefined : release,
    ...(clusters === undefined ? {} : { clusters }),
  };
  const made = running && release === nextRelease;
  const steps = stepsBetween(from, to, made ? { releaseFrom: fresh || kept === undefined ? "folder" : kept } : {});
  const inForce = topology ?? from.topology;
  return {
    kind,
    says: says(wanted, to),
    from,
    to,
    steps: inForce === undefined ? [] : steps.map((step) => ({ do: step, ...describeStep(step, inForce) })),
  };
}

/** What is stopped keeps its clusters until it runs again; left out where there was never but the first one. */
function clustersOnceDone({ kind, from, running }: Wanted, topology: Topology): Clusters | undefined {
  const before = clustersOf(from);
  if (!running || before === undefined) return from.clusters;
  if (kind === "finish") return { serving: before.serving };
  const after = clustersAfter(from, topology);
  return JSON.stringify(after) === JSON.stringify(before) ? from.clusters : after;
}

/** Whether instances of the service must be replaced; more or fewer of them, and the database, are changed in other ways. */
function changesInstances(differences: readonly Difference[]): boolean {
  const inPlace = ["app.servers", "app.startMs", "workers.servers", "public.tls"];
  return differences.some(
    ({ at }) =>
      at.join(".") === "balancer" ||
      (["public", "app", "workers"].includes(at[0] ?? "") && !inPlace.includes(at.join("."))),
  );
}

function says({ kind, from, topology }: Wanted, to: Situation): string {
  switch (kind) {
    case "up":
      return from.running ? "bring what runs in line with the topology" : "start the service";
    case "deploy":
      return `roll out release ${to.release}`;
    case "scale":
      return `run ${topology?.app.servers} app servers and ${topology?.workers.servers} workers`;
    case "down":
      return topology === undefined ? "stop everything and remove its data" : "stop everything, keep the data";
    case "climb":
    case "descend":
      return `${kind} to rung ${topology === undefined ? "" : rungOf(topology)}`;
    case "finish":
      return "remove what the last move kept for going back";
    case "undo":
      return "go back to what ran before";
    case "apply":
      return "change the topology";
  }
}
