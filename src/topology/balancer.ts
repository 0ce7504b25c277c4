import { z } from "zod";

/** The load balancer in front of the servers of each data centre: HAProxy (rung 3). */
export const Balancer = z.strictObject({
  servers: z.int().min(1).max(8).default(1),
  /** Most requests of one client address in ten seconds; beyond it, 429. */
  requestsPerClient: z.int().min(1).max(1_000_000).default(1_000),
  /** Most connections at a time. */
  maxConnections: z.int().min(1).max(1_000_000).default(10_000),
});
export type Balancer = z.output<typeof Balancer>;
