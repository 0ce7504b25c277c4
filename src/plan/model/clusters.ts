import type { Replication } from "../step.ts";
import type { Model } from "./model.ts";
import { with_, without } from "./sets.ts";

export function withoutDatabase(model: Model, instance: string): Model {
  return {
    ...replicate(model, instance, undefined),
    databases: without(model.databases, instance),
    standbys: without(model.standbys, instance),
    leads: without(model.leads, instance),
  };
}

/** One member is no replication, whatever it is called. */
export function replicate(model: Model, cluster: string, replication: Replication | undefined): Model {
  const others = without(model.replication, cluster);
  if (replication === undefined || replication.standbys.length === 0) return { ...model, replication: others };
  return { ...model, replication: with_(others, cluster, replication) };
}

export function standbysOf({ standbys }: Model, cluster: string): ReadonlySet<string> {
  return standbys.get(cluster) ?? new Set();
}

export function leadersOf({ leads }: Model, cluster: string): ReadonlySet<string> {
  return leads.get(cluster) ?? new Set();
}

export function alone(model: Model, cluster: string): boolean {
  return standbysOf(model, cluster).size === 0 && [...leadersOf(model, cluster)].every((one) => one === cluster);
}
