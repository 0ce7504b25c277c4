import { membersOf } from "./replication.ts";
import type { DatabaseSettings, MoveRef, Replication, Step } from "./step.ts";

/**
 * What a plan does to the world, without the world: the meaning of each step and of its undo, for reasoning and for tests.
 * Data, secrets and releases are kept by design; they are not part of what an undo must give back.
 */
export interface Model {
  readonly sockets: ReadonlySet<string>;
  /** Running instances of the service, and servers behind the balancer where there is one. */
  readonly instances: ReadonlySet<string>;
  readonly balancer: ReadonlySet<string> | undefined;
  /** Running clusters with their settings, and the one that serves. */
  readonly databases: ReadonlyMap<string, DatabaseSettings>;
  readonly serving: string | undefined;
  readonly etcd: ReadonlySet<string>;
  /** Standbys of clusters, the mode of those that are replicated, and who of each may be its primary by now. */
  readonly standbys: ReadonlyMap<string, ReadonlySet<string>>;
  readonly replication: ReadonlyMap<string, Replication>;
  readonly leads: ReadonlyMap<string, ReadonlySet<string>>;
  /** Standbys that the service reads from. */
  readonly readers: ReadonlySet<string>;
  /** Moves whose two sides follow each other. */
  readonly following: ReadonlySet<string>;
  readonly kept: { readonly data: ReadonlySet<string>; readonly releases: ReadonlySet<number> };
}

export const NOTHING: Model = {
  sockets: new Set(),
  instances: new Set(),
  balancer: undefined,
  databases: new Map(),
  serving: undefined,
  etcd: new Set(),
  standbys: new Map(),
  replication: new Map(),
  leads: new Map(),
  readers: new Set(),
  following: new Set(),
  kept: { data: new Set(), releases: new Set() },
};

/** The model after a step. Throws when the step cannot be done there: a plan that asks for it is wrong. */
export function applyStep(model: Model, step: Step): Model {
  switch (step.name) {
    case "open-socket":
      return { ...model, sockets: plus(model.sockets, at(step)) };
    case "close-socket":
      return { ...model, sockets: minus(model.sockets, at(step)) };
    case "write-secrets":
      return model;
    case "make-release":
      if (step.from !== "folder") need(model.kept.releases.has(step.from), `release ${step.from}`);
      return { ...model, kept: { ...model.kept, releases: plus(model.kept.releases, step.release) } };
    case "inspect-release":
      need(model.kept.releases.has(step.release), `release ${step.release}`);
      return model;
    case "start-etcd":
      return { ...model, etcd: new Set([step.instance, ...(step.others ?? [])]) };
    case "stop-etcd":
      return { ...model, etcd: new Set() };
    case "add-etcd":
      need(sameSet(model.etcd, step.others), "the members of etcd that it says");
      return { ...model, etcd: plus(model.etcd, step.instance) };
    case "remove-etcd":
      need(sameSet(minus(model.etcd, step.instance), step.others), "the members of etcd that it says");
      need(
        [...model.standbys.values()].every(({ size }) => size === 0),
        "no standbys",
      );
      return { ...model, etcd: minus(model.etcd, step.instance) };
    case "init-database":
      return { ...model, kept: { ...model.kept, data: plus(model.kept.data, step.instance) } };
    case "start-database":
      need(model.kept.data.has(step.instance), "a data folder");
      need(step.kind === "embedded" || model.etcd.size > 0, "etcd");
      need(step.replication === undefined || model.etcd.size > 1, "a majority of etcd that can be lost from");
      return {
        ...replicate(model, step.instance, step.replication),
        databases: new Map([...model.databases, [step.instance, step.settings]]),
        standbys: with_(model.standbys, step.instance, new Set(step.replication?.standbys)),
        leads: with_(model.leads, step.instance, new Set(membersOf(step.instance, step.replication))),
      };
    case "stop-database":
      need(model.instances.size === 0, "no instance that uses the database");
      return withoutDatabase(model, step.instance);
    case "change-database":
      need(same(model.databases.get(step.instance), step.from), "a database with the settings it has now");
      need(sameSet(model.standbys.get(step.instance), step.replication?.standbys ?? []), "all its standbys");
      return { ...model, databases: new Map([...model.databases, [step.instance, step.settings]]) };
    case "prepare-database":
      need(model.databases.has(step.instance), "a running database");
      return model;
    case "publish-endpoints":
      need(model.databases.has(step.instance), "a running database");
      need(sameSet(model.standbys.get(step.instance), step.replication?.standbys ?? []), "all its standbys");
      return { ...model, serving: step.instance, readers: new Set(step.replication?.standbys) };
    case "add-standby":
      need(same(model.databases.get(step.cluster), step.settings), "a database with the settings of its standby");
      need(model.etcd.size > 1, "a majority of etcd that can be lost from");
      return {
        ...model,
        standbys: with_(model.standbys, step.cluster, plus(standbysOf(model, step.cluster), step.instance)),
        leads: with_(model.leads, step.cluster, plus(leadersOf(model, step.cluster), step.instance)),
      };
    case "remove-standby":
      need(!model.readers.has(step.instance), "that nobody reads from it");
      need(
        model.replication.get(step.cluster)?.standbys.includes(step.instance) !== true,
        "that no commit waits for it",
      );
      need(!leadersOf(model, step.cluster).has(step.instance), "another primary");
      return {
        ...model,
        standbys: with_(model.standbys, step.cluster, minus(standbysOf(model, step.cluster), step.instance)),
      };
    case "change-replication": {
      const { standbys } = step.replication;
      need(same(model.databases.get(step.cluster), step.settings), "a database with these settings");
      need(
        standbys.every((one) => standbysOf(model, step.cluster).has(one)),
        "the standbys",
      );
      return replicate(model, step.cluster, step.replication);
    }
    case "lead":
      need(
        step.among.every((one) => one === step.cluster || standbysOf(model, step.cluster).has(one)),
        "its members",
      );
      return { ...model, leads: with_(model.leads, step.cluster, new Set(step.among)) };
    case "publish-standbys":
      need(
        step.replication.standbys.every((one) => standbysOf(model, step.cluster).has(one)),
        "the standbys",
      );
      return { ...model, readers: new Set(step.replication.standbys) };
    case "migrate":
      need(model.serving !== undefined && model.kept.releases.has(step.release), "a database and the release");
      return model;
    case "make-cluster":
      need(step.kind === "embedded" || model.etcd.size > 0, "etcd");
      return {
        ...model,
        databases: new Map([...model.databases, [step.instance, step.settings]]),
        leads: with_(model.leads, step.instance, new Set([step.instance])),
        kept: { ...model.kept, data: plus(model.kept.data, step.instance) },
      };
    case "check-move":
    case "copy-schema":
    case "finish-copy":
      need(bothRun(model, step), "both clusters");
      return model;
    case "copy-rows":
      need(bothRun(model, step), "both clusters");
      return { ...model, following: plus(model.following, step.id) };
    case "verify-copy":
      need(model.following.has(step.id), "a copy that follows");
      return model;
    case "cut-over": {
      const [before, after] = step.forward ? [step.source, step.target] : [step.target, step.source];
      need(bothRun(model, step) && model.following.has(step.id), "a copy that follows");
      need(model.serving === before.instance, `${before.instance} to serve`);
      need(alone(model, step.source.instance) && alone(model, step.target.instance), "clusters of one member");
      return { ...model, serving: after.instance };
    }
    case "drop-copy": {
      const { instance } = step[step.drops];
      need(model.serving !== instance, "another cluster to serve");
      return { ...withoutDatabase(model, instance), following: minus(model.following, step.id) };
    }
    case "start-instance":
      need(model.serving !== undefined && model.sockets.size > 0, "a database and a public socket");
      need(model.kept.releases.has(step.release), `release ${step.release}`);
      return { ...model, instances: plus(model.instances, step.instance) };
    case "stop-instance":
      need(model.balancer?.has(step.instance) !== true, `${step.instance} to be out of the balancer`);
      return { ...model, instances: minus(model.instances, step.instance) };
    case "start-balancer":
    case "change-balancer":
      need(
        step.servers.every((server) => model.instances.has(server)),
        "its servers",
      );
      return { ...model, balancer: new Set(step.servers) };
    case "stop-balancer":
      return { ...model, balancer: undefined };
    case "enter-balancer":
      need(model.instances.has(step.server), step.server);
      return { ...model, balancer: plus(present(model.balancer), step.server) };
    case "leave-balancer":
      return { ...model, balancer: minus(present(model.balancer), step.server) };
    case "destroy-data":
      need(model.databases.size === 0, "stopped databases");
      return { ...model, kept: NOTHING.kept };
  }
}

/** The model after a step was undone. */
export function undoStep(model: Model, step: Step): Model {
  switch (step.name) {
    case "open-socket":
      return applyStep(model, { ...step, name: "close-socket" });
    case "close-socket":
      return applyStep(model, { ...step, name: "open-socket" });
    case "start-etcd":
      return applyStep(model, { ...step, name: "stop-etcd" });
    case "stop-etcd":
      return applyStep(model, { ...step, name: "start-etcd" });
    case "add-etcd":
      return applyStep(model, { ...step, name: "remove-etcd" });
    case "remove-etcd":
      return applyStep(model, { ...step, name: "add-etcd" });
    case "add-standby": {
      // It is asked to let another one lead first, where it is the primary.
      const leads = with_(model.leads, step.cluster, minus(leadersOf(model, step.cluster), step.instance));
      return applyStep({ ...model, leads }, { ...step, name: "remove-standby" });
    }
    case "remove-standby":
      return applyStep(model, { ...step, name: "add-standby" });
    case "change-replication":
    case "publish-standbys":
      return applyStep(model, { ...step, from: step.replication, replication: step.from });
    case "start-database":
      return applyStep(model, { ...step, name: "stop-database" });
    case "stop-database":
      return applyStep(model, { ...step, name: "start-database" });
    case "change-database":
      return applyStep(model, { ...step, from: step.settings, settings: step.from });
    case "make-cluster":
      need(model.serving !== step.instance, "another cluster to serve");
      return withoutDatabase(model, step.instance);
    case "copy-schema":
      return { ...model, following: minus(model.following, step.id) };
    case "cut-over":
      return applyStep(model, { ...step, forward: !step.forward });
    case "start-instance":
      return applyStep(model, { ...step, name: "stop-instance" });
    case "stop-instance":
      return applyStep(model, { ...step, name: "start-instance" });
    case "start-balancer":
      return applyStep(model, { ...step, name: "stop-balancer" });
    case "stop-balancer":
      return applyStep(model, { ...step, name: "start-balancer" });
    case "enter-balancer":
      return applyStep(model, { ...step, name: "leave-balancer" });
    case "leave-balancer":
      return applyStep(model, { ...step, name: "enter-balancer" });
    case "write-secrets":
    case "publish-endpoints":
    case "make-release":
    case "inspect-release":
    case "init-database":
    case "prepare-database":
    case "migrate":
    case "check-move":
    case "copy-rows":
    case "finish-copy":
    case "verify-copy":
    case "change-balancer":
    case "lead":
      return model;
    case "drop-copy":
    case "destroy-data":
      throw new Error("removed data cannot be brought back");
  }
}

function withoutDatabase(model: Model, instance: string): Model {
  return {
    ...replicate(model, instance, undefined),
    databases: without(model.databases, instance),
    standbys: without(model.standbys, instance),
    leads: without(model.leads, instance),
  };
}

/** One member is no replication, whatever it is called. */
function replicate(model: Model, cluster: string, replication: Replication | undefined): Model {
  const others = without(model.replication, cluster);
  if (replication === undefined || replication.standbys.length === 0) return { ...model, replication: others };
  return { ...model, replication: with_(others, cluster, replication) };
}

function standbysOf({ standbys }: Model, cluster: string): ReadonlySet<string> {
  return standbys.get(cluster) ?? new Set();
}

function leadersOf({ leads }: Model, cluster: string): ReadonlySet<string> {
  return leads.get(cluster) ?? new Set();
}

function alone(model: Model, cluster: string): boolean {
  return standbysOf(model, cluster).size === 0 && [...leadersOf(model, cluster)].every((one) => one === cluster);
}

function bothRun({ databases }: Model, { source, target }: MoveRef): boolean {
  return databases.has(source.instance) && databases.has(target.instance);
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("this step needs a balancer");
  return value;
}

function at({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${host}:${port}`;
}

function plus<T>(set: ReadonlySet<T>, item: T): ReadonlySet<T> {
  return new Set([...set, item]);
}

function minus<T>(set: ReadonlySet<T>, item: T): ReadonlySet<T> {
  return new Set([...set].filter((other) => other !== item));
}

function with_<T>(map: ReadonlyMap<string, T>, key: string, value: T): ReadonlyMap<string, T> {
  return new Map([...map, [key, value]]);
}

function without<T>(map: ReadonlyMap<string, T>, key: string): ReadonlyMap<string, T> {
  return new Map([...map].filter(([name]) => name !== key));
}

function sameSet(set: ReadonlySet<string> | undefined, names: readonly string[]): boolean {
  return (set?.size ?? 0) === names.length && names.every((name) => set?.has(name));
}

function same(a: DatabaseSettings | undefined, b: DatabaseSettings): boolean {
  return a?.maxConnections === b.maxConnections && a.memoryMb === b.memoryMb;
}

function need(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`this step needs ${what}`);
}
