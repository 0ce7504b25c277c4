import { stringify } from "yaml";
import type { Placed } from "../engine.ts";
import { ETCD_PATRONI, PATRONI_PREFIX } from "../etcd/passwords.ts";
import { SUPERUSER } from "../postgres/passwords.ts";
import { REPLICATION_ROLE, REST_USER, REWIND_ROLE } from "./passwords.ts";
import { clusterSettings, isReplicated, memberParameters } from "./settings.ts";
import type { PatroniSpec } from "./spec.ts";

/** Patroni reads YAML 1.1, in which `on` without quotes is no text. */
const YAML = { version: "1.1", lineWidth: 120 } as const;

/** `config/1-patroni.yml`: everything but passwords. */
export function patroniYml({ name, spec, folder, sockets }: Placed<PatroniSpec>): string {
  const config = {
    name,
    scope: spec.scope,
    namespace: PATRONI_PREFIX,
    log: { level: "INFO" },
    etcd3: { hosts: spec.etcd.map(({ address, port }) => `${address}:${port}`), username: ETCD_PATRONI },
    restapi: {
      listen: `${spec.address}:${spec.restPort}`,
      connect_address: `${spec.address}:${spec.restPort}`,
      authentication: { username: REST_USER },
    },
    // Without this part a member never founds a cluster of its own.
    ...(spec.joins ? {} : { bootstrap: bootstrap(spec) }),
    postgresql: {
      listen: `${spec.address}:${spec.port}`,
      connect_address: `${spec.address}:${spec.port}`,
      data_dir: `${folder}/data`,
      bin_dir: `${folder}/bin`,
      pgpass: `${folder}/pgpass`,
      use_unix_socket: true,
      authentication: {
        superuser: { username: SUPERUSER },
        replication: { username: REPLICATION_ROLE },
        rewind: { username: REWIND_ROLE },
      },
      pg_hba: pgHba(spec),
      parameters: { unix_socket_directories: sockets, ...memberParameters(spec) },
      basebackup: [{ checkpoint: "fast" }, ...(spec.durable === false ? ["no-sync"] : [])],
      ...(spec.applyDelayMs ? { recovery_conf: { recovery_min_apply_delay: `${spec.applyDelayMs}ms` } } : {}),
    },
    watchdog: { mode: "off" },
    // As long as nobody waits for it, a member that came later may lack what was acknowledged.
    ...(spec.joins && !isReplicated(spec) ? { tags: { nofailover: true } } : {}),
  };
  return `# Patroni 3, written by Ninefold. To run it by hand: sh start.sh
# The passwords are in 2-secrets.yml; Patroni reads both as one.
${stringify(config, YAML)}`;
}

/** How the first member of all makes the cluster. */
function bootstrap(spec: PatroniSpec) {
  return {
    dcs: clusterSettings(spec),
    initdb: [
      { encoding: "UTF8" },
      { "lc-collate": "C" },
      { "lc-ctype": "C.UTF-8" },
      { "lc-messages": "C" },
      { auth: "scram-sha-256" },
      "data-checksums",
      ...(spec.durable === false ? ["no-sync"] : []),
    ],
  };
}

/** `config/2-secrets.yml`. */
export function secretsYml(passwords: Passwords): string {
  const secrets = {
    etcd3: { password: passwords.etcd },
    restapi: { authentication: { password: passwords.rest } },
    postgresql: {
      authentication: {
        superuser: { password: passwords.superuser },
        replication: { password: passwords.replication },
        rewind: { password: passwords.rewind },
      },
    },
  };
  return stringify(secrets, YAML);
}

export interface Passwords {
  readonly etcd: string;
  readonly rest: string;
  readonly superuser: string;
  readonly replication: string;
  readonly rewind: string;
}

/** `pg_hba.conf` (manual 21.1): passwords always, from this machine only. */
function pgHba({ address }: PatroniSpec): string[] {
  const from = ["127.0.0.0/8", ...(address.startsWith("127.") ? [] : [`${address}/32`])];
  return [
    "local all all scram-sha-256",
    ...from.map((network) => `host all all ${network} scram-sha-256`),
    `local replication ${REPLICATION_ROLE} scram-sha-256`,
    ...from.map((network) => `host replication ${REPLICATION_ROLE} ${network} scram-sha-256`),
  ];
}
