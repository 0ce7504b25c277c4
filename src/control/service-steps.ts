import { appEngine } from "../engines/app/index.ts";
import type { LocalMachine } from "../machine/local/index.ts";
import type { Topology } from "../topology/topology.ts";
import { logTail } from "./log-tail.ts";
import { oneShots } from "./one-shots.ts";
import type { StatePaths } from "./paths.ts";
import { oneShotName, placedService, type ServiceProcess } from "./placed.ts";
import type { SystemPlaces } from "./placed-system.ts";
import { StepFailed } from "./problem.ts";
import { readFacts, releaseEnvironment, releaseFolder, serviceModule, writeFacts } from "./release.ts";
import { sameOnDisk } from "./same-on-disk.ts";
import { seldom } from "./seldom.ts";
import { until } from "./until.ts";
import type { World } from "./world.ts";

/** How often to ask the agent whether an instance that starts has ended, in milliseconds. */
const STATE_MS = 200;
/** Ends in a row after which a start is given up. */
const TRIES = 2;

export interface ServiceSteps extends Pick<World, "inspect" | "migrate" | "startInstance" | "stopInstance"> {
  /** Brings the database that a file of endpoints names to what a release needs. */
  migrateAt(endpoints: string, release: number, topology: Topology): Promise<void>;
}

/** The steps of the service's own processes. */
export function serviceSteps(
  folder: string,
  machine: LocalMachine,
  paths: StatePaths,
  places: Pick<SystemPlaces, "address">,
): ServiceSteps {
  async function place({
    release,
    ...process
  }: Omit<ServiceProcess, "folder" | "module" | "env"> & { release: number }) {
    const code = releaseFolder(paths, release);
    const env = await releaseEnvironment(code);
    return placedService(machine, paths, places, { ...process, folder, module: serviceModule(code), env });
  }

  const onceAt = (endpoints?: string) =>
    oneShots(machine, (role, { release, topology }, ahead) =>
      place({ role, name: oneShotName(topology, role, release), release, topology, ahead, endpoints }),
    );
  const once = onceAt();

  return {
    inspect: async (release, topology, { signal }, migrates) => {
      const look = migrates ? once.inspectAhead : once.inspect;
      const { name, migrations } = await look({ release, topology, signal });
      await writeFacts(paths, release, { service: name ?? "service", at: Date.now(), migrations: migrations ?? [] });
    },
    migrate: async (release, topology, { signal }, copy) => {
      if (copy !== undefined) await refuseNewMigrations(paths, release, copy);
      await once.migrate({ release, topology, signal });
    },
    migrateAt: (endpoints, release, topology) =>
      onceAt(endpoints).migrate({ release, topology, signal: new AbortController().signal }),
    startInstance: async ({ instance: name, role, release }, topology, { signal, progress }) => {
      const placed = await place({ role, name, release, topology });
      const files = appEngine.render(placed);
      const state = async () => (await machine.list()).find((instance) => instance.name === name);
      const log = machine.log(name);
      const failed = async (code: string, says: string) => {
        const fix = `correct it and try again; the whole log is in ${log}`;
        return new StepFailed(code, { at: name, says: `${says}${await logTail(log)}`, fix });
      };
      if (!(await sameOnDisk(placed.folder, files))) {
        await machine.stop(name);
        await machine.write(name, files, "self");
      }
      const before = (await state())?.restarts ?? 0;
      const look = seldom(STATE_MS, state);
      await machine.start(name, appEngine.command(placed));
      await until(
        async () => {
          const health = await appEngine.health(placed);
          if (health.healthy) return { open: true };
          if (health.says.startsWith("failed"))
            throw await failed("instance-failed", `it cannot start: ${health.says}`);
          const now = await look();
          if ((now?.restarts ?? 0) - before >= TRIES) {
            throw await failed("instance-crashes", `it ended ${TRIES} times while it started (${now?.lastEnd})`);
          }
          return { open: false, says: health.says };
        },
        {
          everyMs: 30,
          withinMs: () => topology.app.startMs,
          signal,
          progress,
          late: (says, ms) => failed("instance-hangs", `it is not ready after ${Math.round(ms / 1_000)} s (${says})`),
        },
      );
    },
    stopInstance: (name) => machine.stop(name),
  };
}

/** Logical replication carries rows, not tables: a migration would part the cluster that serves from the one that follows it. */
async function refuseNewMigrations(paths: StatePaths, release: number, before: number): Promise<void> {
  const known = new Set((await readFacts(paths, before))?.migrations);
  const fresh = (await readFacts(paths, release))?.migrations.filter((name) => !known.has(name)) ?? [];
  if (fresh.length === 0) return;
  throw new StepFailed("copy-in-the-way", {
    at: `release ${release}`,
    says: `it brings migrations (${fresh.join(", ")}) while the cluster of before the last move still follows, and that cannot follow them`,
    fix: "run `ninefold finish`, which removes that cluster, and deploy again",
  });
}
