import { initCluster, postgresBinaries, postgresEngine, prepareDatabase } from "../../engines/postgres/index.ts";
import type { LocalMachine } from "../../machine/local/index.ts";
import type { DatabaseSettings } from "../../plan/step.ts";
import type { InstanceName } from "../../topology/names.ts";
import type { StatePaths } from "../paths.ts";
import { DATABASE, POSTGRES_PORT, placedDatabase } from "../placed.ts";
import { sameOnDisk } from "../same-on-disk.ts";
import { startFailed, untilHealthy } from "../until-healthy.ts";
import type { StepContext } from "../world.ts";
import type { ClusterRunner } from "./cluster.ts";
import { setUnusedDataAside } from "./unused-data.ts";

/** The PostgreSQL from npm, on a unix socket beside the service. */
export function embeddedClusters(machine: LocalMachine, paths: StatePaths): ClusterRunner {
  const place = async (name: InstanceName, settings: DatabaseSettings) =>
    placedDatabase(machine, paths, await postgresBinaries(), name, settings);

  async function start(name: InstanceName, settings: DatabaseSettings, context: StepContext): Promise<void> {
    const placed = await place(name, settings);
    const files = postgresEngine.render(placed);
    if (!(await sameOnDisk(placed.folder, files))) {
      // Stopped before its files change, so that after a crash here it cannot run with other settings than those on disk.
      await machine.stop(name);
      await machine.write(name, files, "engine");
    }
    const failed = startFailed("database-did-not-start", machine);
    await untilHealthy(postgresEngine, placed, machine, { ...context, failed });
  }

  return {
    init: async (name, settings) => {
      const placed = await place(name, settings);
      await setUnusedDataAside(placed.folder, "embedded");
      await initCluster(machine, placed);
    },
    start,
    change: (name, _, settings, context) => start(name, settings, context),
    stop: (name) => machine.stop(name),
    prepare: async (name, settings) => prepareDatabase(await place(name, settings)),
    remove: async (name) => {
      await machine.stop(name);
      await machine.destroy(name);
    },
    health: async (name, settings) => postgresEngine.health(await place(name, settings)),
    addresses: async (name) => ({
      primary: { name, host: machine.sockets(name), port: POSTGRES_PORT, database: DATABASE },
      standbys: [],
    }),
  };
}
