import { appEngine } from "../engines/app/index.ts";
import type { Health } from "../engines/engine.ts";
import { postgresBinaries, postgresEngine } from "../engines/postgres/index.ts";
import type { LocalMachine } from "../machine/local/index.ts";
import type { InstanceState } from "../machine/machine.ts";
import type { Situation } from "../plan/situation.ts";
import { databaseName, databaseSettings, serviceInstances } from "../plan/steps.ts";
import { connectionBudget } from "../topology/connections.ts";
import { type InstanceName, releaseOf } from "../topology/names.ts";
import { rungOf } from "../topology/rung.ts";
import type { InstanceView, ProblemReport, StatusView } from "./event.ts";
import type { Journal } from "./journal.ts";
import { CONTROL } from "./local-world.ts";
import type { StatePaths } from "./paths.ts";
import { placedDatabase, placedService } from "./placed.ts";
import { usageOf } from "./processes.ts";
import { readFacts, releaseFolder } from "./release.ts";
import { deploymentKeys } from "./secrets.ts";
import { viewOf } from "./view.ts";

export interface StatusParts {
  readonly folder: string;
  readonly paths: StatePaths;
  readonly machine: LocalMachine;
  readonly journal: Journal;
  readonly trouble: ProblemReport | undefined;
}

/** What runs and how it is, asked of each instance itself. */
export async function statusOf({ folder, paths, machine, journal, trouble }: StatusParts): Promise<StatusView> {
  const { situation } = journal;
  const { topology, release } = situation;
  const open = journal.open();
  const states = await machine.list();
  const instances = await instanceViews(states, situation, machine, paths);
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
    problems: [
      ...(open?.problem === undefined ? [] : [open.problem]),
      ...(trouble === undefined ? [] : [trouble]),
      ...(changing ? [] : instances.flatMap((instance) => complaint(instance, machine))),
    ],
  };
}

/** Where a browser on this machine reaches the service. */
function publicUrl({ host, port }: { readonly host: string; readonly port: number }): string {
  const everywhere = ["0.0.0.0", "::", "127.0.0.1", "::1"].includes(host);
  return `http://${everywhere ? "localhost" : host.includes(":") ? `[${host}]` : host}:${port}`;
}

function budget(topology: NonNullable<Situation["topology"]>) {
  const { max, reserved, pools, peak } = connectionBudget(topology);
  return { max, reserved, pools, peak };
}

async function instanceViews(
  states: readonly InstanceState[],
  situation: Situation,
  machine: LocalMachine,
  paths: StatePaths,
): Promise<InstanceView[]> {
  const usage = usageOf(states.flatMap(({ pid }) => pid ?? []));
  const wanted: InstanceName[] =
    situation.running && situation.topology !== undefined
      ? [databaseName(situation.topology), ...serviceInstances(situation).map(({ instance }) => instance)]
      : [];
  const missing = wanted.filter((name) => !states.some((state) => state.name === name));
  const present = states.map(async (state): Promise<InstanceView> => {
    const role = state.name.split("@")[0]?.split(".")[1] ?? "";
    const health = await healthOf(state, role, situation, machine, paths);
    const release = releaseOf(state.name);
    const used = state.pid === undefined ? undefined : usage.get(state.pid);
    return {
      name: state.name,
      role,
      ...(role === "app" && situation.topology !== undefined ? { address: publicUrl(situation.topology.public) } : {}),
      ...(role === "db" ? { address: machine.sockets(state.name) } : {}),
      state: state.state,
      ...health,
      ...(state.pid === undefined ? {} : { pid: state.pid }),
      ...(release === undefined ? {} : { release }),
      restarts: state.restarts,
      ...(state.lastEnd === undefined ? {} : { lastEnd: state.lastEnd }),
      ...(state.startedAt === undefined ? {} : { startedAt: state.startedAt }),
      ...used,
    };
  });
  return [
    ...(await Promise.all(present)),
    ...missing.map((name): InstanceView => {
      const role = name.split(".")[1] ?? "";
      return { name, role, state: "missing", health: "unknown", says: "it should run and does not", restarts: 0 };
    }),
  ];
}

type HealthView = Pick<InstanceView, "health" | "says">;

async function healthOf(
  { name }: InstanceState,
  role: string,
  { topology }: Situation,
  machine: LocalMachine,
  paths: StatePaths,
): Promise<HealthView> {
  if (name === CONTROL) return { health: "ready" };
  if (topology === undefined) return { health: "unknown" };
  if (role === "db") {
    const placed = placedDatabase(machine, paths, await postgresBinaries(), name, databaseSettings(topology));
    return viewOfHealth(await postgresEngine.health(placed));
  }
  if (role !== "app" && role !== "worker") return { health: "unknown" };
  const module = releaseFolder(paths, releaseOf(name) ?? 0);
  return viewOfHealth(
    await appEngine.health(placedService(machine, paths, { role, name, topology, folder: "/", module, env: {} })),
  );
}

function viewOfHealth(health: Health): HealthView {
  if (health.healthy) return { health: "ready" };
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
