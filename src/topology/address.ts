import type { Topology } from "./topology.ts";

/**
 * Loopback address of a host of a `local` data centre, so that each host has one of its own on one machine:
 * `127.d.0.h`, data centre d and host h from 1 to 254. Linux answers for all of 127.0.0.0/8.
 */
export function loopbackAddress(datacenter: number, host: number): string {
  for (const [what, number] of [
    ["data centre", datacenter],
    ["host", host],
  ] as const) {
    if (!Number.isInteger(number) || number < 1 || number > 254)
      throw new RangeError(`${what} ${number} is not between 1 and 254`);
  }
  return `127.${datacenter}.0.${host}`;
}

/** Address of host h (from 1) of a data centre: the topology's own, or its loopback address. */
export function hostAddress(topology: Topology, datacenter: string, host: number): string {
  const center = topology.datacenters[datacenter];
  const number = Object.keys(topology.datacenters).indexOf(datacenter) + 1;
  if (center === undefined) throw new RangeError(`there is no data centre ${datacenter}`);
  return Object.values(center.hosts ?? {})[host - 1]?.address ?? loopbackAddress(number, host);
}
