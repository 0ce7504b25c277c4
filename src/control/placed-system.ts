import { join } from "node:path";
import type { Placed } from "../engines/engine.ts";
import type { EtcdSpec } from "../engines/etcd/index.ts";
import { affordableConnections, type HaproxySpec } from "../engines/haproxy/index.ts";
import { systemHaproxy, systemPostgres } from "../engines/packages.ts";
import type { Replication as PatroniReplication, PatroniSpec } from "../engines/patroni/index.ts";
import type { Machine } from "../machine/machine.ts";
import { backupsName } from "../plan/backups.ts";
import { etcdNames } from "../plan/replication.ts";
import { socketName } from "../plan/situation.ts";
import type { DatabaseSettings, Replication } from "../plan/step.ts";
import type { InstanceName } from "../topology/names.ts";
import { instanceAddress, PORTS, serverPort } from "../topology/placement.ts";
import type { Topology } from "../topology/topology.ts";
import type { StatePaths } from "./paths.ts";
import { DATABASE } from "./placed.ts";
import { passwordsFile } from "./secrets.ts";

/** Where the engines of the system's packages stand, and with what. */
export interface SystemPlaces {
  /** Address of an instance's host. */
  address(name: InstanceName): string;
  /**
   * @param alone whether it is the only member: only then may it found a cluster, else it joins one
   * @throws PackagesMissing
   */
  etcd(name: InstanceName, alone: boolean): Placed<EtcdSpec>;
  /**
   * A member of a cluster, its first one or a later one.
   * @throws PackagesMissing
   */
  patroni(name: InstanceName, settings: DatabaseSettings, replication?: Replication): Placed<PatroniSpec>;
  /** @throws PackagesMissing */
  balancer(
    name: InstanceName,
    servers: readonly InstanceName[],
    topology: Topology,
    tls?: HaproxySpec["tls"],
  ): Placed<HaproxySpec>;
}

/** @param network number of the deployment's network on this machine; asked when it is first needed */
export function systemPlaces(
  machine: Pick<Machine, "folder" | "sockets">,
  paths: StatePaths,
  network: () => number,
): SystemPlaces {
  const at = (name: InstanceName) => ({ name, folder: machine.folder(name), sockets: machine.sockets(name) });
  // Below rung 7 there is one data centre, and addresses follow from names alone.
  const address = (name: InstanceName) => instanceAddress([datacenterOf(name)], network(), name);
  const secret = (name: string) => join(paths.secrets, name);

  return {
    address,
    etcd: (name, alone) => ({
      ...at(name),
      spec: {
        program: systemPostgres().etcd,
        address: address(name),
        clientPort: PORTS.etcdClient,
        peerPort: PORTS.etcdPeer,
        members: [{ name, address: address(name), peerPort: PORTS.etcdPeer }],
        ...(alone ? {} : { joins: true }),
        token: `ninefold-${etcdNames(datacenterOf(name))[0]}`,
        secrets: secret("etcd.json"),
      },
    }),
    patroni: (name, settings, replication) => {
      const { etcd: _, ...binaries } = systemPostgres();
      return {
        ...at(name),
        spec: {
          address: address(name),
          port: PORTS.postgres,
          restPort: PORTS.patroniRest,
          scope: `main-${name.split(".")[1]}`,
          // All that there can be: those that are not there yet cost a refused connection, and none needs to be told later.
          etcd: etcdNames(datacenterOf(name)).map((etcd) => ({ address: address(etcd), port: PORTS.etcdClient })),
          binaries,
          ...settings,
          ...(name.endsWith(".1") ? {} : { joins: true }),
          ...replicated(replication),
          database: DATABASE,
          backups: machine.folder(backupsName(datacenterOf(name))),
          secrets: passwordsFile(paths),
          patroniSecrets: secret("patroni.json"),
          etcdSecrets: secret("etcd.json"),
        },
      };
    },
    balancer: (name, servers, { balancer, app, public: front }, tls) => ({
      ...at(name),
      spec: {
        binary: systemHaproxy(),
        socket: socketName(front),
        source: address(name),
        servers: servers.map((server) => ({ name: server, address: address(server), port: serverPort(server) })),
        limits: {
          requestsPerClient: balancer?.requestsPerClient ?? 1_000,
          maxConnections: affordableConnections(balancer?.maxConnections ?? 10_000),
          maxInFlight: app.maxInFlight,
          maxBodyBytes: app.maxBodyBytes,
          headersTimeoutMs: app.headersTimeoutMs,
          requestTimeoutMs: app.requestTimeoutMs,
          keepAliveMs: app.keepAliveMs,
        },
        holdMs: app.holdMs,
        drainMs: app.drainMs,
        unlimitedClients: balancer?.unlimitedClients ?? [],
        trustedProxies: balancer?.trustedProxies ?? [],
        ...(tls === undefined ? {} : { tls }),
      },
    }),
  };
}

/** How Patroni is told of a cluster's standbys. */
export function patroniReplication({ standbys, synchronous }: Replication): PatroniReplication {
  const nodes = standbys.length;
  // With one standby, to wait for it strictly would stop all writes when it dies.
  return { synchronous: synchronous && nodes > 0, nodes, strict: synchronous && nodes > 1 };
}

function replicated(replication: Replication | undefined) {
  if (replication === undefined || replication.standbys.length === 0) return {};
  const { ttlSeconds, lagMs } = replication;
  return {
    replication: patroniReplication(replication),
    ttlSeconds,
    ...(lagMs === 0 ? {} : { applyDelayMs: lagMs }),
  };
}

function datacenterOf(name: InstanceName): string {
  return name.split(".")[0] ?? "";
}
