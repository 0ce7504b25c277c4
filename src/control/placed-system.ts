import { join } from "node:path";
import type { Placed } from "../engines/engine.ts";
import type { EtcdSpec } from "../engines/etcd/index.ts";
import { affordableConnections, type HaproxySpec } from "../engines/haproxy/index.ts";
import { systemHaproxy, systemPostgres } from "../engines/packages.ts";
import type { PatroniSpec } from "../engines/patroni/index.ts";
import type { Machine } from "../machine/machine.ts";
import { etcdName } from "../plan/clusters.ts";
import { socketName } from "../plan/situation.ts";
import type { DatabaseSettings } from "../plan/step.ts";
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
  /** @throws PackagesMissing */
  etcd(name: InstanceName): Placed<EtcdSpec>;
  /** @throws PackagesMissing */
  patroni(name: InstanceName, settings: DatabaseSettings): Placed<PatroniSpec>;
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
    etcd: (name) => ({
      ...at(name),
      spec: {
        program: systemPostgres().etcd,
        address: address(name),
        clientPort: PORTS.etcdClient,
        peerPort: PORTS.etcdPeer,
        members: [{ name, address: address(name), peerPort: PORTS.etcdPeer }],
        token: `ninefold-${name}`,
        secrets: secret("etcd.json"),
      },
    }),
    patroni: (name, settings) => {
      const { etcd: _, ...binaries } = systemPostgres();
      const etcd = etcdName(datacenterOf(name));
      return {
        ...at(name),
        spec: {
          address: address(name),
          port: PORTS.postgres,
          restPort: PORTS.patroniRest,
          scope: `main-${name.split(".")[1]}`,
          etcd: [{ address: address(etcd), port: PORTS.etcdClient }],
          binaries,
          ...settings,
          database: DATABASE,
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

function datacenterOf(name: InstanceName): string {
  return name.split(".")[0] ?? "";
}
