import { InstanceName } from "../topology/names.ts";
import type { Topology } from "../topology/topology.ts";
import { firstDatacenter, type Situation } from "./situation.ts";
import type { Step } from "./step.ts";

/** What runs of a deployment. */
export interface Active extends Situation {
  readonly topology: Topology;
  readonly release: number;
}

/** A process of the service. */
export interface Member {
  readonly instance: InstanceName;
  readonly release: number;
  readonly role: "app" | "worker";
}

export function starts(member: Member): Step {
  return { name: "start-instance", ...member };
}

export function stops(member: Member): Step {
  return { name: "stop-instance", ...member };
}

export function apps({ topology, release }: Active): Member[] {
  return members(firstDatacenter(topology), "app", topology.app.servers, release);
}

export function workers({ topology, release }: Active): Member[] {
  return members(firstDatacenter(topology), "worker", topology.workers.servers, release);
}

/** The situation as one that runs, or undefined. */
export function active(situation: Situation): Active | undefined {
  const { topology, release, running } = situation;
  return running && topology !== undefined && release !== undefined ? { ...situation, topology, release } : undefined;
}

/** Everything of the service that a situation runs. */
export function serviceInstances(situation: Situation): readonly Member[] {
  const runs = active(situation);
  return runs === undefined ? [] : [...apps(runs), ...workers(runs)];
}

function members(datacenter: string, role: "app" | "worker", count: number, release: number): Member[] {
  return Array.from({ length: count }, (_, index) => {
    return { instance: InstanceName.parse(`${datacenter}.${role}.${index + 1}@${release}`), release, role };
  });
}
