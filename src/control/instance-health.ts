import { appEngine } from "../engines/app/index.ts";
import type { Health } from "../engines/engine.ts";
import { etcdEngine } from "../engines/etcd/index.ts";
import { haproxyEngine } from "../engines/haproxy/index.ts";
import type { LocalMachine } from "../machine/local/index.ts";
import { allClusters, clusterName, clustersOf } from "../plan/clusters.ts";
import { databaseSettings } from "../plan/database-steps.ts";
import { membersOf, replicationOf } from "../plan/replication.ts";
import type { Situation } from "../plan/situation.ts";
import { type InstanceName, releaseOf } from "../topology/names.ts";
import { PORTS, serverPort } from "../topology/placement.ts";
import type { StatePaths } from "./paths.ts";
import { placedService } from "./placed.ts";
import type { SystemPlaces } from "./placed-system.ts";
import { releaseFolder } from "./release.ts";
import type { World } from "./world.ts";

export interface HealthParts {
  readonly situation: Situation;
  readonly machine: LocalMachine;
  readonly paths: StatePaths;
  readonly places: SystemPlaces;
  readonly cluster: World["cluster"];
}

/** What the role in an instance's name is: `db` for every cluster of a database. */
export function roleOf(name: InstanceName): string {
  return (name.split("@")[0]?.split(".")[1] ?? "").replace(/-\d+$/, "");
}

/** What an instance says of itself; undefined for one that cannot be asked. */
export async function healthOf(name: InstanceName, parts: HealthParts): Promise<Health | undefined> {
  const { situation, machine, paths, places, cluster } = parts;
  const { topology } = situation;
  if (topology === undefined) return undefined;
  const role = roleOf(name);
  switch (role) {
    case "db": {
      const { kind = "embedded", replication } = clusterOf(name, situation) ?? {};
      return cluster(kind).health(name, databaseSettings(topology), replication);
    }
    case "etcd":
      return etcdEngine.health(places.etcd(name, true));
    case "balancer":
      return haproxyEngine.health(places.balancer(name, [], topology));
    case "app":
    case "worker": {
      const module = releaseFolder(paths, releaseOf(name) ?? 0);
      const process = { role, name, topology, folder: "/", module, env: {} } as const;
      return appEngine.health(placedService(machine, paths, places, process));
    }
    default:
      return undefined;
  }
}

/** Where an instance answers: `host:port`, or the folder of its unix socket. */
export function addressOf(name: InstanceName, { situation, machine, places }: HealthParts): string | undefined {
  const { topology } = situation;
  if (topology === undefined) return undefined;
  const { host, port } = topology.public;
  switch (roleOf(name)) {
    case "db":
      return clusterOf(name, situation)?.kind === "patroni"
        ? `${places.address(name)}:${PORTS.postgres}`
        : machine.sockets(name);
    case "etcd":
      return `${places.address(name)}:${PORTS.etcdClient}`;
    case "balancer":
      return `${host}:${port}`;
    case "app":
      return topology.balancer === undefined ? `${host}:${port}` : `${places.address(name)}:${serverPort(name)}`;
    default:
      return undefined;
  }
}

/** The cluster that an instance is a member of, and how it is replicated. */
function clusterOf(name: InstanceName, situation: Situation) {
  const { topology } = situation;
  const clusters = clustersOf(situation);
  if (topology === undefined || clusters === undefined) return undefined;
  return allClusters(clusters)
    .map((cluster) => {
      const replication = replicationOf(topology, clusters, cluster);
      return { kind: cluster.kind, replication, members: membersOf(clusterName(topology, cluster), replication) };
    })
    .find(({ members }) => members.includes(name));
}
