import { z } from "zod";
import { App, Workers } from "./app.ts";
import { Balancer } from "./balancer.ts";
import { Broker } from "./broker.ts";
import { Cache } from "./cache.ts";
import { Databases } from "./database.ts";
import { Datacenters } from "./datacenter.ts";
import { Edge } from "./edge.ts";
import { PublicAddress } from "./public.ts";

/** The version of the topology's format that this Ninefold reads and writes. */
const TOPOLOGY_FORMAT = 1;

/**
 * Desired state: everything that runs, for all nine rungs. A section that is absent does not exist (`balancer`, `cache`,
 * `edge`, `broker`); the others have the defaults of rung 1. Unknown keys are refused.
 */
export const Topology = z.strictObject({
  version: z.literal(TOPOLOGY_FORMAT).default(TOPOLOGY_FORMAT),
  public: PublicAddress.prefault({}),
  datacenters: Datacenters.prefault({ dc1: {} }),
  app: App.prefault({}),
  workers: Workers.prefault({}),
  databases: Databases.prefault({ main: {} }),
  balancer: Balancer.optional(),
  cache: Cache.optional(),
  edge: Edge.optional(),
  broker: Broker.optional(),
});
export type Topology = z.output<typeof Topology>;
/** What a person writes: everything with a default may be left out. */
export type TopologyInput = z.input<typeof Topology>;
