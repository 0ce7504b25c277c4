import type { Health } from "../engines/engine.ts";
import type { LocalMachine } from "../machine/local/index.ts";
import type { InstanceState } from "../machine/machine.ts";
import { clusterName, clustersOf } from "../plan/clusters.ts";
import { runningInstances } from "../plan/instances.ts";
import type { Situation } from "../plan/situation.ts";
import { connectionBudget } from "../topology/connections.ts";
import { type InstanceName, releaseOf } from "../topology/names.ts";
import { rungOf } from "../topology/rung.ts";
import type { Topology } from "../topology/topology.ts";
import { CONTROL } from "./address.ts";
import type { Backups } from "./backups/backups.ts";
import type { InstanceView, ProblemReport, StatusView } from "./event.ts";
import { addressOf, type HealthParts, healthOf, roleOf } from "./instance-health.ts";
import type { Journal } from "./journal.ts";
import type { StatePaths } from "./paths.ts";
import type { SystemPlaces } from "./placed-system.ts";
import { usageOf } from "./processes.ts";
import { readFacts } from "./release.ts";
import { replicationProblems, replicationStatus, withPlace } from "./replication-status.ts";
import { deploymentKeys } from "./secrets.ts";
import { viewOf } from "./view.ts";
import type { World } from "./world.ts";

export interface StatusParts {
  readonly folder: string;
  readonly paths: StatePaths;
  readonly machine: LocalMachine;
  readonly places: SystemPlaces;
  readonly cluster: World["cluster"];
  readonly standbys: World["standbys"];
  readonly journal: Journal;
  readonly backups: Pick<Backups, "status">;
  readonly trouble: ProblemReport | undefined;
}

/** Each stands on those before it. */
const ROLES: readonly InstanceView["role"][] = ["control", "etcd", "db", "balancer", "app", "worker"];

/** What runs and how it is, asked of each instance itself. */
export async function statusOf({ folder, journal, trouble, backups, ...parts }: StatusParts): Promise<StatusView> {
  const { situation } = journal;
  const { topology, release } = situation;
  const { paths, machine } = parts;
  const open = journal.open();
  const states = await machine.list();
  const [views, replication, backedUp] = await Promise.all([
    instanceViews(states, { ...parts, situation }),
    replicationStatus(situation, parts.standbys),
    backups.status(),
  ]);
  const instances = views
    .map((one) => withPlace(one, replication))
    .sort((a, b) => ROLES.indexOf(a.role) - ROLES.indexOf(b.role));
  const keys = await deploymentKeys(paths);
  const facts = release === undefined ? undefined : await readFacts(paths, release);
  const changing = open !== undefined && open.state !== "stopped";
  return {
    folder,
    ...(keys === undefined ? {} : { deployment: keys.deployment }),
    ...(facts === undefined ? {} : { service: facts.service }),
    state: changing ? "changing" : open !== undefined ? "stopped" : situation.running ? "up" : "down",
    ...(topology === undefined ? {} : { rung: rungOf(topology), topology: journal.version }),
    ...(release === undefined ? {} : { release }),
    ...(topology !== undefined && situation.running ? { url: publicUrl(topology.public) } : {}),
    ...(open === undefined ? {} : { plan: viewOf(open.plan, open) }),
    instances,
    ...(topology === undefined ? {} : { connections: budget(topology) }),
    ...copyView(situation),
    ...(backedUp === undefined ? {} : { backups: backedUp.view }),
    problems: [
      ...(open?.problem === undefined ? [] : [open.problem]),
      ...(trouble === undefined ? [] : [trouble]),
      ...(changing || replication === undefined ? [] : replicationProblems(replication, instances)),
      ...(changing ? [] : (backedUp?.problems ?? [])),
      ...(changing ? [] : instances.flatMap((instance) => complaint(instance, machine))),
    ],
  };
}

/** Where a browser on this machine reaches the service. */
function publicUrl({ host, port, tls }: Topology["public"]): string {
  const everywhere = ["0.0.0.0", "::", "127.0.0.1", "::1"].includes(host);
  return `${tls === undefined ? "http" : "https"}://${everywhere ? "localhost" : host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** The cluster of before the last move, while it follows the one that serves. */
function copyView(situation: Situation): Pick<StatusView, "copy"> {
  const copy = clustersOf(situation)?.copy;
  if (copy === undefined || situation.topology === undefined) return {};
  return { copy: clusterName(situation.topology, copy) };
}

function budget(topology: NonNullable<Situation["topology"]>) {
  const { max, reserved, pools, peak } = connectionBudget(topology);
  return { max, reserved, pools, peak };
}

async function instanceViews(states: readonly InstanceState[], parts: HealthParts): Promise<InstanceView[]> {
  const usage = usageOf(states.flatMap(({ pid }) => pid ?? []));
  const missing = runningInstances(parts.situation).filter((name) => !states.some((state) => state.name === name));
  const present = states.map(async (state): Promise<InstanceView> => {
    const { name, pid, lastEnd, startedAt } = state;
    const health = name === CONTROL ? WELL : await healthOf(name, parts);
    const address = addressOf(name, parts);
    const release = releaseOf(name);
    return {
      name,
      role: roleOf(name),
      ...(address === undefined ? {} : { address }),
      state: state.state,
      ...viewOfHealth(health),
      ...(pid === undefined ? {} : { pid }),
      ...(release === undefined ? {} : { release }),
      restarts: state.restarts,
      ...(lastEnd === undefined ? {} : { lastEnd }),
      ...(startedAt === undefined ? {} : { startedAt }),
      ...(pid === undefined ? undefined : usage.get(pid)),
    };
  });
  return [
    ...(await Promise.all(present)),
    ...missing.map((name): InstanceView => {
      const says = "it should run and does not";
      return { name, role: roleOf(name), state: "missing", health: "unknown", says, restarts: 0 };
    }),
  ];
}

const WELL: Health = { healthy: true, details: {} };

function viewOfHealth(health: Health | undefined): Pick<InstanceView, "health" | "says" | "details"> {
  if (health === undefined) return { health: "unknown" };
  if (health.healthy) return { health: "ready", details: health.details };
  const word = health.says.split(/[: ]/, 1)[0];
  const known = word === "starting" || word === "draining" || word === "failed" ? word : "failed";
  return { health: known, says: health.says };
}

function complaint({ name, state, health, says, lastEnd }: InstanceView, machine: LocalMachine): ProblemReport[] {
  if (state === "running" && (health === "ready" || health === "unknown")) return [];
  const why = [says, lastEnd === undefined ? undefined : `it last ended with ${lastEnd}`].filter(
    (part) => part !== undefined,
  );
  const log = machine.log(name as InstanceName);
  const fix =
    state === "missing" ? "run `ninefold up`" : `it is restarted by itself; if it does not recover, see ${log}`;
  return [{ code: "instance-unwell", at: name, says: why.join("; ") || `it is ${state}`, fix }];
}
