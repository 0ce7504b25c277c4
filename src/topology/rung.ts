import { NinefoldError } from "./problem.ts";
import { Topology, type TopologyInput } from "./topology.ts";

export type Rung = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

export const RUNGS: readonly Rung[] = [1, 2, 3, 4, 5, 6, 7, 8, 9];

/** Name of each rung, as people say it. */
const RUNG_NAMES: Readonly<Record<Rung, string>> = {
  1: "single",
  2: "tiers",
  3: "balanced",
  4: "replicated",
  5: "cached",
  6: "edge",
  7: "regions",
  8: "queued",
  9: "sharded",
};

/** The highest rung that this Ninefold can reach. */
export const HIGHEST_BUILT: Rung = 4;

/** The topology is sound, but needs a rung that this Ninefold does not have. */
export class NotBuilt extends NinefoldError {
  readonly rung: Rung;
  constructor(rung: Rung, at = "topology") {
    super("rung-not-built", {
      at,
      says: `this topology is rung ${rung} (${RUNG_NAMES[rung]}), and this version of Ninefold runs up to rung ${HIGHEST_BUILT}`,
      fix: `remove what belongs to rung ${rung} (${FEATURE[rung]}), or use a version of Ninefold that has it`,
    });
    this.rung = rung;
  }
}

const FEATURE: Readonly<Record<Rung, string>> = {
  1: "everything on one host",
  2: "`host: own` of a database, `machine: ssh`",
  3: "`balancer`, `public.tls`",
  4: "`replicas`, `synchronous`",
  5: "`cache`",
  6: "`edge`",
  7: "more than one of `datacenters` or `balancer.servers`, `public.domain`",
  8: "`broker`",
  9: "`shards`, `size`, `tables` or a second database",
};

/** The highest rung whose feature the topology uses. */
export function rungOf(topology: Topology): Rung {
  const databases = Object.values(topology.databases);
  if (
    databases.length > 1 ||
    databases.some((one) => one.shards > 1 || one.size !== undefined || one.tables !== undefined)
  )
    return 9;
  if (topology.broker !== undefined) return 8;
  const balancers = topology.balancer?.servers ?? 1;
  if (Object.keys(topology.datacenters).length > 1 || topology.public.domain !== undefined || balancers > 1) return 7;
  if (topology.edge !== undefined) return 6;
  if (topology.cache !== undefined) return 5;
  if (databases.some((one) => one.replicas > 0 || (one.synchronous ?? "off") !== "off")) return 4;
  if (topology.balancer !== undefined || topology.public.tls !== undefined) return 3;
  if (
    databases.some((one) => one.host === "own") ||
    Object.values(topology.datacenters).some((one) => one.machine === "ssh")
  )
    return 2;
  return 1;
}

/** Throws {@link NotBuilt} for a topology above {@link HIGHEST_BUILT}. */
export function requireBuilt(topology: Topology): void {
  const rung = rungOf(topology);
  if (rung > HIGHEST_BUILT) throw new NotBuilt(rung);
}

/**
 * The preset of a rung: what `base` has, at least what the rung adds, and nothing of the rungs above.
 * Going up and down again gives `base` back where it was at that rung.
 */
export function presetForRung(rung: Rung, base: TopologyInput = {}): Topology {
  const from = Topology.parse(base);
  const { balancer, cache, edge, broker, ...rest } = from;
  const { domain, tls, ...address } = from.public;
  const firstCenter = Object.entries(from.datacenters).slice(0, 1);
  const centers = rung < 7 ? Object.fromEntries(firstCenter) : twoAtLeast(from.datacenters);
  const main = from.databases.main ?? {};
  return Topology.parse({
    ...rest,
    public: {
      ...address,
      ...(rung >= 7 && domain !== undefined ? { domain } : {}),
      ...(rung >= 3 && tls !== undefined ? { tls } : {}),
    },
    datacenters: rung === 1 ? mapValues(centers, (one) => ({ ...one, machine: "local" as const })) : centers,
    app: { ...from.app, servers: rung >= 3 ? Math.max(2, from.app.servers) : from.app.servers },
    databases: rung < 9 ? { main: databaseAt(rung, main) } : { ...from.databases, main: databaseAt(rung, main) },
    ...(rung >= 3 ? { balancer: { ...balancer, ...(rung >= 7 ? {} : { servers: 1 }) } } : {}),
    ...(rung >= 5 ? { cache: cache ?? {} } : {}),
    ...(rung >= 6 ? { edge: edge ?? {} } : {}),
    ...(rung >= 8 ? { broker: broker ?? {} } : {}),
  });
}

type DatabaseInput = NonNullable<TopologyInput["databases"]>[string];

function databaseAt(rung: Rung, from: DatabaseInput): DatabaseInput {
  const { size, tables: _, synchronous, primary, ...rest } = from;
  return {
    ...rest,
    host: rung >= 2 ? "own" : "shared",
    replicas: rung >= 4 ? from.replicas || 2 : 0,
    lagMs: rung >= 4 ? (from.lagMs ?? 0) : 0,
    shards: rung >= 9 ? Math.max(2, from.shards ?? 1) : 1,
    ...(rung >= 4 ? { synchronous: synchronous === "remote" && rung < 7 ? "local" : (synchronous ?? "local") } : {}),
    ...(rung >= 7 && primary !== undefined ? { primary } : {}),
    ...(rung >= 9 && size !== undefined ? { size } : {}),
  };
}

function twoAtLeast(centers: Topology["datacenters"]): Topology["datacenters"] {
  if (Object.keys(centers).length > 1) return centers;
  const name = "dc2" in centers ? "dc1" : "dc2";
  return { ...centers, [name]: { machine: Object.values(centers)[0]?.machine ?? "local" } };
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
