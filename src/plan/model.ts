import type { DatabaseSettings, MoveRef, Step } from "./step.ts";

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
  readonly etcd: boolean;
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
  etcd: false,
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
      return { ...model, etcd: true };
    case "stop-etcd":
      return { ...model, etcd: false };
    case "init-database":
      return { ...model, kept: { ...model.kept, data: plus(model.kept.data, step.instance) } };
    case "start-database":
      need(model.kept.data.has(step.instance), "a data folder");
      need(step.kind === "embedded" || model.etcd, "etcd");
      return { ...model, databases: new Map([...model.databases, [step.instance, step.settings]]) };
    case "stop-database":
      need(model.instances.size === 0, "no instance that uses the database");
      return withoutDatabase(model, step.instance);
    case "change-database":
      need(same(model.databases.get(step.instance), step.from), "a database with the settings it has now");
      return { ...model, databases: new Map([...model.databases, [step.instance, step.settings]]) };
    case "prepare-database":
      need(model.databases.has(step.instance), "a running database");
      return model;
    case "publish-endpoints":
      need(model.databases.has(step.instance), "a running database");
      return { ...model, serving: step.instance };
    case "migrate":
      need(model.serving !== undefined && model.kept.releases.has(step.release), "a database and the release");
      return model;
    case "make-cluster":
      need(step.kind === "embedded" || model.etcd, "etcd");
      return {
        ...model,
        databases: new Map([...model.databases, [step.instance, step.settings]]),
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
      return model;
    case "drop-copy":
    case "destroy-data":
      throw new Error("removed data cannot be brought back");
  }
}

function withoutDatabase(model: Model, instance: string): Model {
  return { ...model, databases: new Map([...model.databases].filter(([name]) => name !== instance)) };
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

function same(a: DatabaseSettings | undefined, b: DatabaseSettings): boolean {
  return a?.maxConnections === b.maxConnections && a.memoryMb === b.memoryMb;
}

function need(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`this step needs ${what}`);
}
