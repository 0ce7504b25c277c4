import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { type Plan, planChange } from "../plan/plan.ts";
import type { Situation } from "../plan/situation.ts";
import { parseTopology } from "../topology/parse.ts";
import { presetForRung, RUNGS, rungOf } from "../topology/rung.ts";
import type { Topology, TopologyInput } from "../topology/topology.ts";
import { readTopology } from "../topology/yaml.ts";
import type { Change } from "./event.ts";
import type { Journal } from "./journal.ts";
import type { StatePaths } from "./paths.ts";
import { NothingThere } from "./problem.ts";

/** Plans a change from what runs now. Throws TopologyError, NotBuilt, ConnectionsExceeded, NothingThere. */
export async function planFor(change: Change, journal: Journal, paths: StatePaths): Promise<Plan> {
  const { situation: from, nextRelease } = journal;
  const wanted = { kind: change.kind, from, nextRelease };
  switch (change.kind) {
    case "up":
      return planChange({ ...wanted, topology: await wantedTopology(change, from, paths), running: true });
    case "apply":
      return planChange({ ...wanted, topology: parseTopology(change.topology), running: true });
    case "scale": {
      return planChange({ ...wanted, topology: parseTopology(scaled(change, running(from))), running: true });
    }
    case "deploy":
      return planChange({ ...wanted, topology: running(from), running: true, code: "new" });
    case "down":
      return planChange({ ...wanted, topology: change.destroy === true ? undefined : from.topology, running: false });
    case "climb":
    case "descend":
      return planChange({ ...wanted, topology: atRung(change, running(from)), running: true });
    case "finish":
      return planChange({ ...wanted, topology: running(from), running: true });
    case "undo":
      return undoLast(journal);
  }
}

/** What the user's file says, else what ran last, else rung 1; with what the command line says on top. */
export async function wantedTopology(
  change: Change & { kind: "up" },
  from: Situation,
  paths: StatePaths,
): Promise<Topology> {
  const { topologyFile } = paths;
  const base = existsSync(topologyFile)
    ? readTopology(await readFile(topologyFile, "utf8")).topology
    : (from.topology ?? presetForRung(1));
  return parseTopology({
    ...held(change.rung === undefined ? base : presetForRung(change.rung, base), change.lagMs),
    public: {
      ...base.public,
      host: change.host ?? base.public.host,
      port: change.port ?? base.public.port,
      ...(change.tls === undefined ? {} : { tls: change.tls }),
    },
    ...(change.app === undefined ? {} : { app: { ...base.app, servers: change.app } }),
  });
}

function scaled({ app, workers, replicas }: Change & { kind: "scale" }, topology: Topology): TopologyInput {
  return {
    ...topology,
    app: { ...topology.app, servers: app ?? topology.app.servers },
    workers: { ...topology.workers, servers: workers ?? topology.workers.servers },
    ...(replicas === undefined ? {} : { databases: withReplicas(topology, replicas) }),
  };
}

/** Without standbys nothing can wait for one, and none can be held behind. */
function withReplicas({ databases }: Topology, replicas: number): TopologyInput["databases"] {
  const { synchronous, ...main } = databases.main ?? {};
  if (replicas === 0) return { ...databases, main: { ...main, replicas, lagMs: 0 } };
  return { ...databases, main: { ...main, replicas, synchronous: synchronous ?? "local" } };
}

/** With standbys held behind for development. */
function held(topology: Topology, lagMs: number | undefined): TopologyInput {
  if (lagMs === undefined) return topology;
  return { ...topology, databases: { ...topology.databases, main: { ...topology.databases.main, lagMs } } };
}

/** The topology with what the rung asked for adds, and without what the rungs above it add. */
function atRung(change: Change & { kind: "climb" | "descend" }, topology: Topology): Topology {
  const { kind, to } = change;
  const now = rungOf(topology);
  const rung = RUNGS.find((one) => one === (to ?? now + (kind === "climb" ? 1 : -1)));
  const fits = rung !== undefined && (kind === "climb" ? rung > now : rung < now);
  if (fits) return parseTopology(held(presetForRung(rung, topology), kind === "climb" ? change.lagMs : undefined));
  const other =
    to !== undefined && to !== now ? `use \`ninefold ${kind === "climb" ? "descend" : "climb"}\`` : "nothing to do";
  throw new NothingThere(
    `the service is at rung ${now}, from which ${kind} does not lead to ${to ?? "any other"}`,
    other,
  );
}

/** Back to what ran before the last plan that finished. Going back from the first start stops the service; data stays. */
function undoLast(journal: Journal): Plan {
  const last = journal.lastFinished();
  if (last === undefined) throw new NothingThere("no plan has finished yet", "there is nothing to go back to");
  if (last.plan.to.topology === undefined) {
    throw new NothingThere("the last plan removed the data", "restore a backup; removed data cannot be brought back");
  }
  const { topology, release, running } = last.plan.from;
  const from = journal.situation;
  const back = topology ?? from.topology;
  const code = release === undefined ? {} : { code: release };
  return planChange({ kind: "undo", from, topology: back, running, nextRelease: journal.nextRelease, ...code });
}

function running({ running, topology }: Situation): Topology {
  if (running && topology !== undefined) return topology;
  throw new NothingThere("the service does not run", "start it with `ninefold up`");
}
