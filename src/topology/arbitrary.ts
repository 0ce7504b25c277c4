import fc from "fast-check";
import { checkTopology } from "./parse.ts";
import { presetForRung, RUNGS, type Rung } from "./rung.ts";
import type { Topology } from "./topology.ts";

/** For tests: sound topologies of all rungs, with numbers and sections of their own. */
export const arbitraryTopology: fc.Arbitrary<Topology> = arbitraryTopologyAt(...RUNGS);

/** For tests: sound topologies of the given rungs. */
export function arbitraryTopologyAt(...rungs: readonly Rung[]): fc.Arbitrary<Topology> {
  return fc
    .record({
      rung: fc.constantFrom(...rungs),
      port: fc.integer({ min: 1, max: 65_535 }),
      servers: fc.integer({ min: 1, max: 6 }),
      connections: fc.integer({ min: 1, max: 12 }),
      workers: fc.integer({ min: 0, max: 3 }),
      maxConnections: fc.integer({ min: 60, max: 400 }),
      drainMs: fc.integer({ min: 0, max: 60_000 }),
      // Those of rung 4 are left out below it.
      replicas: fc.integer({ min: 0, max: 4 }),
      lagMs: fc.constantFrom(0, 2_000),
      ttlSeconds: fc.integer({ min: 5, max: 60 }),
    })
    .map(({ rung, port, servers, connections, workers, maxConnections, drainMs, replicas, lagMs, ttlSeconds }) =>
      presetForRung(rung, {
        public: { port },
        app: { servers, connections, drainMs },
        workers: { servers: workers },
        databases: { main: { maxConnections, replicas, lagMs, failover: { ttlSeconds } } },
      }),
    )
    .filter((topology) => checkTopology(topology).ok);
}
