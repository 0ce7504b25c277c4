import type { DatabaseSettings, Step } from "./step.ts";

/**
 * What a plan does to the world, without the world: the meaning of each step and of its undo, for reasoning and for tests.
 * Data, secrets and releases are kept by design; they are not part of what an undo must give back.
 */
export interface Model {
  readonly sockets: ReadonlySet<string>;
  /** Running instances of the service, and the database with its settings when it runs. */
  readonly instances: ReadonlySet<string>;
  readonly database: DatabaseSettings | undefined;
  readonly kept: { readonly data: boolean; readonly releases: ReadonlySet<number> };
}

export const NOTHING: Model = {
  sockets: new Set(),
  instances: new Set(),
  database: undefined,
  kept: { data: false, releases: new Set() },
};

/** The model after a step. Throws when the step cannot be done there: a plan that asks for it is wrong. */
export function applyStep(model: Model, step: Step): Model {
  switch (step.name) {
    case "open-socket":
      return { ...model, sockets: plus(model.sockets, at(step)) };
    case "close-socket":
      return { ...model, sockets: minus(model.sockets, at(step)) };
    case "write-secrets":
    case "publish-endpoints":
      return model;
    case "make-release":
      if (step.from !== "folder") need(model.kept.releases.has(step.from), `release ${step.from}`);
      return { ...model, kept: { ...model.kept, releases: plus(model.kept.releases, step.release) } };
    case "inspect-release":
      need(model.kept.releases.has(step.release), `release ${step.release}`);
      return model;
    case "init-database":
      return { ...model, kept: { ...model.kept, data: true } };
    case "start-database":
      need(model.kept.data, "a data folder");
      return { ...model, database: step.settings };
    case "stop-database":
      need(model.instances.size === 0, "no instance that uses the database");
      return { ...model, database: undefined };
    case "change-database":
      need(same(model.database, step.from), "a database with the settings it has now");
      return { ...model, database: step.settings };
    case "prepare-database":
      need(model.database !== undefined, "a running database");
      return model;
    case "migrate":
      need(model.database !== undefined && model.kept.releases.has(step.release), "a database and the release");
      return model;
    case "start-instance":
      need(model.database !== undefined && model.sockets.size > 0, "a database and a public socket");
      need(model.kept.releases.has(step.release), `release ${step.release}`);
      return { ...model, instances: plus(model.instances, step.instance) };
    case "stop-instance":
      return { ...model, instances: minus(model.instances, step.instance) };
    case "destroy-data":
      need(model.database === undefined, "a stopped database");
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
    case "start-database":
      return applyStep(model, { ...step, name: "stop-database" });
    case "stop-database":
      return applyStep(model, { ...step, name: "start-database" });
    case "change-database":
      return applyStep(model, { ...step, from: step.settings, settings: step.from });
    case "start-instance":
      return applyStep(model, { ...step, name: "stop-instance" });
    case "stop-instance":
      return applyStep(model, { ...step, name: "start-instance" });
    case "write-secrets":
    case "publish-endpoints":
    case "make-release":
    case "inspect-release":
    case "init-database":
    case "prepare-database":
    case "migrate":
      return model;
    case "destroy-data":
      throw new Error("removed data cannot be brought back");
  }
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
