import { z } from "zod";

/** The load balancer in front of the servers of each data centre: HAProxy (rung 3). */
export const Balancer = z.strictObject({
  servers: z.int().min(1).max(8).default(1),
  /** Most requests of one client address in ten seconds; beyond it, 429. */
  requestsPerClient: z.int().min(1).max(1_000_000).default(1_000),
  /** Client addresses, or ranges such as `10.0.0.0/8`, that this limit does not bind; unless given, this machine itself. */
  unlimitedClients: z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()])).default(["127.0.0.0/8", "::1"]),
  /** Addresses of load balancers in front of this one, whose PROXY protocol header is believed. */
  trustedProxies: z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()])).default([]),
  /** Most connections at a time. */
  maxConnections: z.int().min(1).max(1_000_000).default(10_000),
});
export type Balancer = z.output<typeof Balancer>;
