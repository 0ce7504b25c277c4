import { loopbackAddress } from "./address.ts";
import { type InstanceName, releaseOf } from "./names.ts";

/** Ports of engines, the same on every host: those that their manuals name. */
export const PORTS = { postgres: 5432, patroniRest: 8008, etcdClient: 2379, etcdPeer: 2380 } as const;

/** First host of each tier in a data centre; a tier's instances follow one another. */
const FIRST_HOST = { balancer: 2, app: 11, etcd: 80, db: 101 } as const;

/** Clusters of a database that can stand side by side, and members that each may have. */
const CLUSTERS = 15;
const MEMBERS = 10;

/**
 * Address of the host that an instance runs on. Each of a tier's instances has a host of its own.
 * @param datacenters names of all data centres, in the topology's order
 */
export function instanceAddress(datacenters: readonly string[], network: number, name: InstanceName): string {
  const [datacenter = "", role = "", number = "1"] = (name.split("@")[0] ?? "").split(".");
  const center = datacenters.indexOf(datacenter) + 1;
  if (center === 0) throw new RangeError(`there is no data centre ${datacenter}`);
  return loopbackAddress(center, network, hostNumber(role, Number(number)));
}

function hostNumber(role: string, number: number): number {
  const cluster = /^db(?:-(\d+))?$/.exec(role);
  if (cluster !== null) return FIRST_HOST.db + ((Number(cluster[1] ?? 1) - 1) % CLUSTERS) * MEMBERS + number - 1;
  if (role === "balancer" || role === "app" || role === "etcd") return FIRST_HOST[role] + number - 1;
  throw new RangeError(`${role} has no host of its own`);
}

/**
 * Port of a server behind a balancer, from 10,000: by its release, so that the old and the new one stand side by side on
 * their host while one takes the other's place. Below the ports that systems give to outgoing connections.
 */
export function serverPort(name: InstanceName): number {
  return 10_000 + ((releaseOf(name) ?? 0) % 20_000);
}
