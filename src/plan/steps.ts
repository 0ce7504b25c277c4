import { fits, pooled, RESERVED_CONNECTIONS, type Running } from "../topology/connections.ts";
import { NinefoldError } from "../topology/problem.ts";
import { requireBuilt } from "../topology/rung.ts";
import type { Topology } from "../topology/topology.ts";
import { type Clusters, clusterName, clustersAfter, clustersOf } from "./clusters.ts";
import {
  changingSettings,
  databaseSettings,
  movingDatabase,
  publishing,
  startingClusters,
  stoppingClusters,
} from "./database-steps.ts";
import { balancerName, rolling, rollingFront, without } from "./front-steps.ts";
import { type Active, active, apps, starts, stops, workers } from "./members.ts";
import { replicationOf } from "./replication.ts";
import { mainDatabase, type Situation } from "./situation.ts";
import { changingStandbys, firstStandbys } from "./standby-steps.ts";
import type { Step } from "./step.ts";

/** During this change old and new instances together would take more connections than PostgreSQL admits. */
export class ConnectionsExceeded extends NinefoldError {
  constructor(taken: number, topology: Topology) {
    const free = mainDatabase(topology).maxConnections - RESERVED_CONNECTIONS;
    super("connections-exceeded", {
      at: "databases.main.maxConnections",
      says: `old and new instances together may take ${taken} connections during this change, and ${free} are free for them`,
      fix: `raise \`databases.main.maxConnections\` to ${taken + RESERVED_CONNECTIONS} first, or change \`app.servers\` and \`app.connections\` one after the other`,
    });
  }
}

export interface StepOptions {
  /** Where `to.release` comes from when it has to be made; left out when it is a kept one. */
  readonly releaseFrom?: "folder" | number;
}

/**
 * The ordered way from one situation to another. Pure; throws NotBuilt and {@link ConnectionsExceeded}.
 * What can fail without touching what serves comes first: the port, the code, the database, the migrations.
 */
export function stepsBetween(from: Situation, to: Situation, options: StepOptions = {}): Step[] {
  if (to.topology === undefined) return [...stopping(from), ...destroying(from)];
  requireBuilt(to.topology);
  if (!to.running) return stopping(from);
  if (to.release === undefined) throw new RangeError("what runs needs a release");
  const next = { ...to, topology: to.topology, release: to.release };
  const runs = active(from);
  if (runs !== undefined) return changing(runs, next, options);
  // What was stopped starts as it was, and changes then: data can only be moved or copied out of a cluster that runs.
  const stopped = active({ ...from, running: true });
  if (stopped === undefined || sameClusters(from, next)) return starting(from, next, options);
  return [...starting(from, stopped, {}), ...changing(stopped, next, options)];
}

function starting(from: Situation, to: Active, options: StepOptions): Step[] {
  const { host, port } = to.topology.public;
  const first = from.topology === undefined;
  const made = releasing(to.release, options, first);
  const servers = apps(to);
  const clusters = clustersIn(to);
  const topology = first ? withoutStandbys(to.topology) : to.topology;
  const publish = publishing(topology, clusters);
  return [
    { name: "open-socket", host, port },
    { name: "write-secrets" },
    // The first time the service is told before where its database will be, and may load meanwhile; later the cluster itself must
    // say who leads.
    ...(first ? [publish] : []),
    ...made,
    ...startingClusters(topology, clusters),
    ...(first ? firstStandbys(to, clusters) : [publish]),
    // A kept release has run before; a later one's migrations would be unknown to it.
    ...(made.length > 0 || from.release === undefined ? migrating(from, to) : []),
    ...servers.map(starts),
    ...(to.topology.balancer === undefined ? [] : [balancer("start-balancer", to)]),
    ...workers(to).map(starts),
  ];
}

function changing(from: Active, to: Active, options: StepOptions): Step[] {
  const moved =
    from.topology.public.host !== to.topology.public.host || from.topology.public.port !== to.topology.public.port;
  const made = releasing(to.release, options);
  const [before, after] = [clustersIn(from), clustersIn(to)];
  // More connections are made before they are used, and fewer only when they are free.
  const first = databaseSettings(to.topology).maxConnections >= databaseSettings(from.topology).maxConnections;
  const settings = changingSettings(from, to, first ? from : to);
  const standbys = changingStandbys([from, before], [to, after], first ? "raised" : "lowered");
  const steps: Step[] = [
    ...(moved ? [{ name: "open-socket", ...address(to.topology) } as const] : []),
    ...made,
    ...(first ? settings : []),
    ...(made.length > 0 && options.releaseFrom === "folder" ? migrating(from, to) : []),
    ...standbys.remove,
    ...movingDatabase(to, before, after),
    ...standbys.add,
    ...rollingFront(from, to),
    ...rolling(without(workers(to), workers(from)), without(workers(from), workers(to))),
    ...(first ? [] : settings),
    ...(moved ? [{ name: "close-socket", ...address(from.topology) } as const] : []),
  ];
  requireConnections(from, to, steps);
  return steps;
}

function stopping(situation: Situation): Step[] {
  const runs = active(situation);
  if (runs === undefined) return [];
  return [
    ...(runs.topology.balancer === undefined ? [] : [balancer("stop-balancer", runs)]),
    ...apps(runs).reverse().map(stops),
    ...workers(runs).reverse().map(stops),
    { name: "close-socket", ...address(runs.topology) },
    ...stoppingClusters(runs.topology, clustersIn(runs)),
  ];
}

function destroying(situation: Situation): Step[] {
  const clusters = clustersOf(situation);
  if (situation.topology === undefined || clusters === undefined) return [];
  return [{ name: "destroy-data", instance: clusterName(situation.topology, clusters.serving) }];
}

function balancer(name: "start-balancer" | "stop-balancer", to: Active): Step {
  return { name, instance: balancerName(to.topology), servers: apps(to).map(({ instance }) => instance) };
}

function releasing(release: number, { releaseFrom }: StepOptions, first = false): Step[] {
  if (releaseFrom === undefined) return [];
  const made: Step = { name: "make-release", release, from: releaseFrom };
  // The code of an earlier release was looked at when that was made.
  if (releaseFrom !== "folder") return [made];
  return [made, { name: "inspect-release", release, ...(first ? { migrates: true } : {}) }];
}

function migrating(from: Situation, { release }: Active): Step[] {
  const copied = clustersOf(from)?.copy !== undefined && from.release !== undefined;
  return [{ name: "migrate", release, ...(copied ? { copy: from.release } : {}) }];
}

/** Walks the steps and adds up the pools of old and new instances at each; PostgreSQL's own limit changes on the way. */
function requireConnections(from: Active, to: Active, steps: readonly Step[]): void {
  const old = { apps: from.topology.app.servers, workers: from.topology.workers.servers };
  const fresh = { apps: 0, workers: 0 };
  let limits = from.topology;
  for (const step of steps) {
    if (step.name === "change-database" || step.name === "cut-over") limits = to.topology;
    if (step.name !== "start-instance" && step.name !== "stop-instance") continue;
    const side = step.release === to.release ? fresh : old;
    const sign = step.name === "start-instance" ? 1 : -1;
    count(side, step.role, sign);
    const running = [
      { topology: from.topology, running: old },
      { topology: to.topology, running: fresh },
    ];
    if (fits(limits, running)) continue;
    throw new ConnectionsExceeded(pooled(from.topology, old) + pooled(to.topology, fresh), limits);
  }
}

function count(running: { -readonly [K in keyof Running]: number }, role: "app" | "worker", by: number): void {
  if (role === "app") running.apps += by;
  else running.workers += by;
}

function clustersIn(situation: Active): Clusters {
  return clustersOf(situation) ?? clustersAfter(situation, situation.topology);
}

/** Whether two situations have the same clusters with the same standbys. */
export function sameClusters(from: Situation, to: Situation): boolean {
  const of = (situation: Situation) => {
    const clusters = clustersOf(situation);
    if (situation.topology === undefined || clusters === undefined) return undefined;
    return [clusters, replicationOf(situation.topology, clusters, clusters.serving)];
  };
  return JSON.stringify(of(from)) === JSON.stringify(of(to));
}

function withoutStandbys(topology: Topology): Topology {
  return { ...topology, databases: { ...topology.databases, main: { ...mainDatabase(topology), replicas: 0 } } };
}

function address({ public: { host, port } }: Topology) {
  return { host, port };
}
