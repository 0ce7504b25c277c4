import { membersOf } from "../replication.ts";
import type { DatabaseSettings, MoveRef, Step } from "../step.ts";
import { alone, leadersOf, replicate, standbysOf, withoutDatabase } from "./clusters.ts";
import { type Model, NOTHING } from "./model.ts";
import { need } from "./need.ts";
import { minus, plus, sameSet, with_ } from "./sets.ts";

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
      need(
        model.databases.has(step.instance) || model.instances.size === 0,
        "a running database, or nobody to be told",
      );
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

function same(a: DatabaseSettings | undefined, b: DatabaseSettings): boolean {
  return a?.maxConnections === b.maxConnections && a.memoryMb === b.memoryMb;
}
