import { appEngine } from "../engines/app/index.ts";
import type { Health } from "../engines/engine.ts";
import { etcdEngine } from "../engines/etcd/index.ts";
import { haproxyEngine } from "../engines/haproxy/index.ts";
import type { LocalMachine } from "../machine/local/index.ts";
import { allClusters, clusterName, clustersOf } from "../plan/clusters.ts";
import { databaseSettings } from "../plan/database-steps.ts";
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
    case "db":
      return cluster(kindOf(name, situation) ?? "embedded").health(name, databaseSettings(topology));
    case "etcd":
      return etcdEngine.health(places.etcd(name));
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
      return kindOf(name, situation) === "patroni"
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

function kindOf(name: InstanceName, situation: Situation) {
  const { topology } = situation;
  const clusters = clustersOf(situation);
  if (topology === undefined || clusters === undefined) return undefined;
  return allClusters(clusters).find((one) => clusterName(topology, one) === name)?.kind;
}
