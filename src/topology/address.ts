/**
 * Loopback address of a host of a `local` data centre, so that each host has one of its own on one machine:
 * `127.d.n.h`, data centre d and host h from 1 to 254, and n the number that the machine gave the deployment, 0 to 254,
 * so that two deployments do not meet. Linux answers for all of 127.0.0.0/8.
 */
export function loopbackAddress(datacenter: number, network: number, host: number): string {
  for (const [what, number, least] of [
    ["data centre", datacenter, 1],
    ["network", network, 0],
    ["host", host, 1],
  ] as const) {
    if (!Number.isInteger(number) || number < least || number > 254)
      throw new RangeError(`${what} ${number} is not between ${least} and 254`);
  }
  return `127.${datacenter}.${network}.${host}`;
}
