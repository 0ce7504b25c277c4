import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { initCluster, postgresBinaries, postgresEngine, prepareDatabase } from "../engines/postgres/index.ts";
import type { LocalMachine } from "../machine/local/index.ts";
import type { DatabaseSettings } from "../plan/step.ts";
import type { InstanceName } from "../topology/names.ts";
import { logTail } from "./log-tail.ts";
import type { StatePaths } from "./paths.ts";
import { placedDatabase } from "./placed.ts";
import { StepFailed } from "./problem.ts";
import { until } from "./until.ts";
import type { StepContext, World } from "./world.ts";

/** Longest wait for PostgreSQL to let us sign in, in milliseconds; recovery after a crash may replay for long. */
const START_MS = 30_000;
const RECOVERY_MS = 600_000;
/** Ends in a row after which a start is given up. */
const TRIES = 3;

type DatabaseSteps = Pick<World, "initDatabase" | "startDatabase" | "stopDatabase" | "prepareDatabase">;

/** The steps of a PostgreSQL on this machine. */
export function databaseSteps(machine: LocalMachine, paths: StatePaths): DatabaseSteps {
  const place = async (name: InstanceName, settings: DatabaseSettings) =>
    placedDatabase(machine, paths, await postgresBinaries(), name, settings);

  async function start(
    name: InstanceName,
    settings: DatabaseSettings,
    { signal, progress }: StepContext,
  ): Promise<void> {
    const placed = await place(name, settings);
    const files = postgresEngine.render(placed);
    const state = async () => (await machine.list()).find((instance) => instance.name === name);
    if (!(await sameOnDisk(placed.folder, files))) {
      // Stopped before its files change, so that after a crash here it cannot run with other settings than those on disk.
      await machine.stop(name);
      await machine.write(name, files, "engine");
    }
    const before = (await state())?.restarts ?? 0;
    await machine.start(name, postgresEngine.command(placed));
    await until(
      async () => {
        const health = await postgresEngine.health(placed);
        if (health.healthy) return { open: true };
        const now = await state();
        if ((now?.restarts ?? 0) - before >= TRIES) throw await failed(name, `it ended ${TRIES} times: ${health.says}`);
        return { open: false, says: health.says };
      },
      {
        everyMs: 30,
        withinMs: (says) => (says === "starting up" ? RECOVERY_MS : START_MS),
        signal,
        progress,
        late: (says, ms) => failed(name, `it does not let us sign in after ${Math.round(ms / 1_000)} s: ${says}`),
      },
    );
  }

  async function failed(name: InstanceName, says: string): Promise<StepFailed> {
    const log = machine.log(name);
    return new StepFailed("database-did-not-start", {
      at: name,
      says: `${says}${await logTail(log)}`,
      fix: `remove the cause and try again; the whole log is in ${log}`,
    });
  }

  return {
    initDatabase: async (name, settings) => initCluster(machine, await place(name, settings)),
    startDatabase: start,
    stopDatabase: (name) => machine.stop(name),
    prepareDatabase: async (name, settings) => prepareDatabase(await place(name, settings)),
  };
}

export async function sameOnDisk(folder: string, files: ReadonlyMap<string, string>): Promise<boolean> {
  for (const [path, text] of files) {
    const found = await readFile(join(folder, path), "utf8").catch(() => undefined);
    if (found !== text) return false;
  }
  return true;
}
