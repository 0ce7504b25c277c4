import { freePort } from "../../machine/free-port.ts";
import { InstanceName } from "../../topology/names.ts";
import type { Placed } from "../engine.ts";
import type { EtcdSpec } from "../etcd/index.ts";
import { systemPostgres } from "../packages.ts";
import type { PatroniSpec } from "./spec.ts";

/** Where the engines of a test stand: each on a loopback address of its own. */
export interface TestPlaces {
  readonly etcds: readonly Placed<EtcdSpec>[];
  readonly members: readonly Placed<PatroniSpec>[];
}

/**
 * Places for a cluster: `dc1.etcd.1`..., which found theirs together, and `dc1.db.1`..., of which the first founds it.
 * @param secrets folder of the passwords' files
 * @param place where an instance's folders are
 * @param spec what differs from a small cluster's
 */
export async function testPlaces(
  count: { readonly etcds: number; readonly members: number },
  secrets: string,
  place: (name: InstanceName) => { readonly folder: string; readonly sockets: string },
  spec: Partial<PatroniSpec> = {},
): Promise<TestPlaces> {
  const network = `127.${100 + Math.floor(Math.random() * 100)}.${Math.floor(Math.random() * 255)}`;
  const { etcd: program, patroni, ...postgres } = systemPostgres();
  const hosts = async (role: string, number: number, first: number) =>
    Promise.all(
      Array.from({ length: number }, async (_, index) => {
        const address = `${network}.${first + index}`;
        const ports = new Set<number>();
        while (ports.size < 2) ports.add(await freePort(address));
        const [a = 0, b = 0] = ports;
        return { name: InstanceName.parse(`dc1.${role}.${index + 1}`), address, ports: [a, b] as const };
      }),
    );
  const dcs = await hosts("etcd", count.etcds, 2);
  const founders = dcs.map(({ name, address, ports: [, peerPort] }) => ({ name, address, peerPort }));
  const etcds = dcs.map(({ name, address, ports: [clientPort, peerPort] }) => ({
    name,
    spec: {
      program,
      address,
      clientPort,
      peerPort,
      members: founders,
      token: network,
      secrets: `${secrets}/etcd.json`,
    },
    ...place(name),
  }));
  const members = (await hosts("db", count.members, 102)).map(({ name, address, ports: [port, restPort] }, index) => ({
    name,
    spec: {
      address,
      port,
      restPort,
      scope: "main",
      etcd: etcds.map(({ spec: { address, clientPort } }) => ({ address, port: clientPort })),
      binaries: { ...postgres, patroni },
      maxConnections: 40,
      memoryMb: 128,
      database: "conduit",
      secrets: `${secrets}/database.json`,
      patroniSecrets: `${secrets}/patroni.json`,
      etcdSecrets: `${secrets}/etcd.json`,
      ...(index === 0 ? {} : { joins: true as const }),
      ...spec,
    },
    ...place(name),
  }));
  return { etcds, members };
}
