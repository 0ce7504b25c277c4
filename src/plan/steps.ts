import { fits, pooled, RESERVED_CONNECTIONS, type Running } from "../topology/connections.ts";
import { InstanceName } from "../topology/names.ts";
import { NinefoldError } from "../topology/problem.ts";
import { requireBuilt } from "../topology/rung.ts";
import type { Topology } from "../topology/topology.ts";
import { firstDatacenter, mainDatabase, type Situation } from "./situation.ts";
import type { DatabaseSettings, Step } from "./step.ts";

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
  const next = { topology: to.topology, release: to.release };
  return from.running && from.topology !== undefined && from.release !== undefined
    ? changing({ topology: from.topology, release: from.release }, next, options)
    : starting(from, next, options);
}

interface Active {
  readonly topology: Topology;
  readonly release: number;
}

function starting(from: Situation, to: Active, options: StepOptions): Step[] {
  const { host, port } = to.topology.public;
  const database = { instance: databaseName(to.topology), settings: databaseSettings(to.topology) };
  const made = releasing(to.release, options);
  return [
    { name: "open-socket", host, port },
    { name: "write-secrets" },
    ...made,
    { name: "init-database", ...database },
    { name: "start-database", ...database },
    { name: "prepare-database", ...database },
    { name: "publish-endpoints" },
    // A kept release has run before; a later one's migrations would be unknown to it.
    ...(made.length > 0 || from.release === undefined ? migrating(to.release) : []),
    ...apps(to).map(starts),
    ...workers(to).map(starts),
  ];
}

function changing(from: Active, to: Active, options: StepOptions): Step[] {
  const before = databaseSettings(from.topology);
  const after = databaseSettings(to.topology);
  const database: Step = {
    name: "change-database",
    instance: databaseName(to.topology),
    from: before,
    settings: after,
  };
  const restarts = JSON.stringify(before) !== JSON.stringify(after);
  // More connections are made before they are used, and fewer only when they are free.
  const first = restarts && after.maxConnections >= before.maxConnections;
  const moved =
    from.topology.public.host !== to.topology.public.host || from.topology.public.port !== to.topology.public.port;
  const made = releasing(to.release, options);
  const steps: Step[] = [
    ...(moved ? [{ name: "open-socket", ...address(to.topology) } as const] : []),
    ...made,
    ...(first ? [database] : []),
    ...(made.length > 0 && options.releaseFrom === "folder" ? migrating(to.release) : []),
    ...rolling(apps(from), apps(to)),
    ...rolling(workers(from), workers(to)),
    ...(restarts && !first ? [database] : []),
    ...(moved ? [{ name: "close-socket", ...address(from.topology) } as const] : []),
  ];
  requireConnections(from, to, steps);
  return steps;
}

/** Each new one is ready before an old one leaves, one by one, so that at most one more than either number runs. */
function rolling(from: readonly Member[], to: readonly Member[]): Step[] {
  const leaving = from.filter(({ instance }) => !to.some((other) => other.instance === instance));
  const entering = to.filter(({ instance }) => !from.some((other) => other.instance === instance));
  const rounds = Array.from({ length: Math.max(leaving.length, entering.length) }, (_, round) => round);
  return rounds.flatMap((round) => [
    ...entering.slice(round, round + 1).map(starts),
    ...leaving.slice(round, round + 1).map(stops),
  ]);
}

function stopping({ topology, release, running }: Situation): Step[] {
  if (!running || topology === undefined || release === undefined) return [];
  const active = { topology, release };
  return [
    ...apps(active).reverse().map(stops),
    ...workers(active).reverse().map(stops),
    { name: "close-socket", ...address(topology) },
    { name: "stop-database", instance: databaseName(topology), settings: databaseSettings(topology) },
  ];
}

function destroying({ topology }: Situation): Step[] {
  return topology === undefined ? [] : [{ name: "destroy-data", instance: databaseName(topology) }];
}

function releasing(release: number, { releaseFrom }: StepOptions): Step[] {
  if (releaseFrom === undefined) return [];
  return [
    { name: "make-release", release, from: releaseFrom },
    { name: "inspect-release", release },
  ];
}

function migrating(release: number): Step[] {
  return [{ name: "migrate", release }];
}

interface Member {
  readonly instance: InstanceName;
  readonly release: number;
  readonly role: "app" | "worker";
}

function starts(member: Member): Step {
  return { name: "start-instance", ...member };
}

function stops(member: Member): Step {
  return { name: "stop-instance", ...member };
}

function apps({ topology, release }: Active): Member[] {
  return members(firstDatacenter(topology), "app", topology.app.servers, release);
}

function workers({ topology, release }: Active): Member[] {
  return members(firstDatacenter(topology), "worker", topology.workers.servers, release);
}

function members(datacenter: string, role: "app" | "worker", count: number, release: number): Member[] {
  return Array.from({ length: count }, (_, index) => {
    return { instance: InstanceName.parse(`${datacenter}.${role}.${index + 1}@${release}`), release, role };
  });
}

/** Everything of the service that a situation runs. */
export function serviceInstances({ topology, release, running }: Situation): readonly Member[] {
  if (!running || topology === undefined || release === undefined) return [];
  return [...apps({ topology, release }), ...workers({ topology, release })];
}

export function databaseName(topology: Topology): InstanceName {
  return InstanceName.parse(`${firstDatacenter(topology)}.db.1`);
}

export function databaseSettings(topology: Topology): DatabaseSettings {
  const { maxConnections, memoryMb } = mainDatabase(topology);
  return { maxConnections, memoryMb };
}

function address({ public: { host, port } }: Topology): { host: string; port: number } {
  return { host, port };
}

/** Walks the steps and adds up the pools of old and new instances at each; PostgreSQL's own limit changes on the way. */
function requireConnections(from: Active, to: Active, steps: readonly Step[]): void {
  const old = { apps: from.topology.app.servers, workers: from.topology.workers.servers };
  const fresh = { apps: 0, workers: 0 };
  let limits = from.topology;
  for (const step of steps) {
    if (step.name === "change-database") limits = to.topology;
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
