import type { Topology } from "../topology/topology.ts";
import type { Clusters } from "./clusters.ts";

/** What a deployment runs, as its last finished plan left it. */
export interface Situation {
  /** Undefined before the first start and after the data was removed. */
  readonly topology: Topology | undefined;
  /** Number of the release of the service's code that is in use, from 1. */
  readonly release: number | undefined;
  /** False after `down`: the topology, the release and the data are kept, and nothing runs. */
  readonly running: boolean;
  /** Left out where there is only the first cluster; see `clustersOf`. */
  readonly clusters?: Clusters | undefined;
}

/** Before the first start. */
export const EMPTY: Situation = { topology: undefined, release: undefined, running: false };

/** The section of the database at rung 1, `databases.main`. */
export function mainDatabase(topology: Topology): Topology["databases"][string] {
  const main = topology.databases.main;
  if (main === undefined) throw new RangeError("a checked topology always has `databases.main`");
  return main;
}

/** The first data centre, the only one below rung 7. */
export function firstDatacenter(topology: Topology): string {
  return Object.keys(topology.datacenters)[0] ?? "dc1";
}

/** Name of the public socket of an address: another address is another socket, so that both can be open during a change. */
export function socketName({ host, port }: { readonly host: string; readonly port: number }): string {
  return `public-${host.replaceAll(/[^0-9A-Za-z.]/g, "-")}-${port}`;
}
