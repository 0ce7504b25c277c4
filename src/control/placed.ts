import { join } from "node:path";
import type { AppSpec } from "../engines/app/index.ts";
import type { Placed } from "../engines/engine.ts";
import type { PostgresBinaries, PostgresSpec } from "../engines/postgres/index.ts";
import type { Machine } from "../machine/machine.ts";
import { balancerName } from "../plan/front-steps.ts";
import { firstDatacenter, socketName } from "../plan/situation.ts";
import type { DatabaseSettings } from "../plan/step.ts";
import { InstanceName } from "../topology/names.ts";
import { COMPILE_CACHE } from "../topology/package.ts";
import { serverPort } from "../topology/placement.ts";
import type { Topology } from "../topology/topology.ts";
import type { StatePaths } from "./paths.ts";
import type { SystemPlaces } from "./placed-system.ts";
import { passwordsFile } from "./secrets.ts";

/** Database that the service uses, in each deployment's own PostgreSQL. */
export const DATABASE = "service";

/** Names the unix socket of PostgreSQL; no TCP port is open. */
export const POSTGRES_PORT = 5432;

type Places = Pick<Machine, "folder" | "sockets">;

/** A PostgreSQL of rung 1: on a unix socket only. */
export function placedDatabase(
  machine: Places,
  paths: StatePaths,
  binaries: PostgresBinaries,
  name: InstanceName,
  settings: DatabaseSettings,
): Placed<PostgresSpec> {
  const spec = { binaries, port: POSTGRES_PORT, database: DATABASE, secrets: passwordsFile(paths), ...settings };
  return { name, spec, folder: machine.folder(name), sockets: machine.sockets(name) };
}

export interface ServiceProcess {
  readonly role: AppSpec["role"];
  readonly name: InstanceName;
  readonly topology: Topology;
  /** Absolute paths: the service's own folder, and the module inside the release. */
  readonly folder: string;
  readonly module: string;
  readonly env: Readonly<Record<string, string>>;
  /** A migration that begins where there is no database yet. */
  readonly ahead?: boolean | undefined;
  /** File of its endpoints, where it is not the one of all. */
  readonly endpoints?: string | undefined;
}

/** A process of the service with the settings of its topology. */
export function placedService(
  machine: Places,
  paths: StatePaths,
  { address }: Pick<SystemPlaces, "address">,
  process: ServiceProcess,
): Placed<AppSpec> {
  const { role, name, topology, folder, module, env, ahead, endpoints = paths.endpoints } = process;
  const { app, workers } = topology;
  const spec: AppSpec = {
    role,
    datacenter: firstDatacenter(topology),
    service: module,
    folder,
    endpoints,
    secrets: role === "migrate" ? paths.ownerSecrets : paths.serviceSecrets,
    ...(ahead === true ? { ahead: aheadFiles(machine.folder(name)) } : {}),
    ...(role === "app" ? { listen: listenOn(topology, name, address) } : {}),
    database: { connections: role === "worker" ? workers.connections : app.connections, holdMs: app.holdMs },
    http: {
      maxInFlight: app.maxInFlight,
      maxBodyBytes: app.maxBodyBytes,
      headersTimeoutMs: app.headersTimeoutMs,
      requestTimeoutMs: app.requestTimeoutMs,
      keepAliveMs: app.keepAliveMs,
      trustedProxies: topology.balancer === undefined ? app.trustedProxies : [address(balancerName(topology))],
    },
    jobs: { concurrency: workers.concurrency },
    drainMs: app.drainMs,
    logLevel: app.logLevel,
    // Compiled code is kept from one process to the next: a third off the start of an instance.
    env: { NODE_COMPILE_CACHE: COMPILE_CACHE, ...env },
  };
  return { name, spec, folder: machine.folder(name), sockets: machine.sockets(name) };
}

function aheadFiles(folder: string): NonNullable<AppSpec["ahead"]> {
  return { inspected: join(folder, "inspected.json"), begin: join(folder, "begin") };
}

/** Behind a balancer a server has an address of its own, and holds the public socket only so that it is not lost with the agent. */
function listenOn(
  topology: Topology,
  name: InstanceName,
  address: SystemPlaces["address"],
): NonNullable<AppSpec["listen"]> {
  const socket = socketName(topology.public);
  return topology.balancer === undefined ? { socket } : { host: address(name), port: serverPort(name), holds: socket };
}

/** Name of a process that runs to its end, `inspect` or `migrate`, for a release. */
export function oneShotName(topology: Topology, role: "inspect" | "migrate", release: number): InstanceName {
  return InstanceName.parse(`${firstDatacenter(topology)}.${role}@${release}`);
}
