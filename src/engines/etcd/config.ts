import type { Placed } from "../engine.ts";
import type { EtcdSpec } from "./spec.ts";

/**
 * `etcd.yml`, complete: what is not in it has etcd 3.4's default. Read by `etcd --config-file etcd.yml`.
 * @param first what a member without data starts with, `name=url,...`; later it knows the others from its data
 */
export function etcdYml(
  { name, spec, folder }: Placed<EtcdSpec>,
  first = spec.members.map((member) => `${member.name}=http://${member.address}:${member.peerPort}`).join(","),
): string {
  const client = `http://${spec.address}:${spec.clientPort}`;
  const peer = `http://${spec.address}:${spec.peerPort}`;
  return `# etcd 3.4, written by Ninefold. To run it by hand: etcd --config-file etcd.yml
name: ${quoted(name)}
data-dir: ${quoted(`${folder}/data`)}

# Clients: Patroni and the control plane, with passwords (etcd manual, "Role-based access control")
listen-client-urls: ${client}
advertise-client-urls: ${client}
enable-grpc-gateway: true      # JSON over HTTP, which Patroni speaks; a configuration file turns it off unless it says so
enable-v2: false
auth-token: simple
bcrypt-cost: 4                  # passwords are 192 random bits, which no guessing shortens

# Members
listen-peer-urls: ${peer}
initial-advertise-peer-urls: ${peer}
initial-cluster: ${quoted(first)}
initial-cluster-token: ${quoted(spec.token)}
initial-cluster-state: ${spec.joins ? "existing" : "new"}
strict-reconfig-check: true
heartbeat-interval: 100         # milliseconds; alike on all members, also on a lone one that others may join
election-timeout: 1000

# Size: Patroni's keys take some kilobytes, their history is not needed (etcd manual, "Maintenance")
auto-compaction-mode: periodic
auto-compaction-retention: 10m
quota-backend-bytes: 268435456
snapshot-count: 10000

# Log: to standard error, which Ninefold keeps in log
logger: zap
log-outputs: [stderr]
log-level: warn
`;
}

/** A YAML scalar in single quotes (YAML 1.2, 7.3.2). */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
