import {
  forgetCluster,
  patroniEngine,
  preparePatroniDatabase,
  stopPatroni,
  writePatroniSecrets,
} from "../../engines/patroni/index.ts";
import type { LocalMachine } from "../../machine/local/index.ts";
import type { DatabaseSettings } from "../../plan/step.ts";
import type { InstanceName } from "../../topology/names.ts";
import { PORTS } from "../../topology/placement.ts";
import { DATABASE } from "../placed.ts";
import type { SystemPlaces } from "../placed-system.ts";
import { sameOnDisk } from "../same-on-disk.ts";
import { startFailed, untilHealthy } from "../until-healthy.ts";
import type { ClusterRunner } from "./cluster.ts";

/** The system's PostgreSQL under Patroni, on a host of its own. */
export function patroniClusters(machine: LocalMachine, places: SystemPlaces): ClusterRunner {
  const failed = startFailed("database-did-not-start", machine);
  /** Its settings matter to neither a stop nor a look. */
  const any: DatabaseSettings = { maxConnections: 100, memoryMb: 512 };

  return {
    init: async (name, settings) => {
      const placed = places.patroni(name, settings);
      await machine.write(name, patroniEngine.render(placed), "engine");
      await writePatroniSecrets(machine, placed);
    },
    start: async (name, settings, context) => {
      const placed = places.patroni(name, settings);
      const files = patroniEngine.render(placed);
      if (!(await sameOnDisk(placed.folder, files))) await machine.write(name, files, "engine");
      await writePatroniSecrets(machine, placed);
      await untilHealthy(patroniEngine, placed, machine, {
        ...context,
        failed,
        lacks: ({ details }) => (details.role === "primary" ? undefined : "it is not the primary yet"),
      });
      // What Patroni keeps in etcd may be older than the files, after a crash between the two.
      await patroniEngine.change(placed, placed.spec);
    },
    stop: (name) => stopPatroni(machine, places.patroni(name, any)),
    prepare: (name, settings) => preparePatroniDatabase(places.patroni(name, settings)),
    remove: async (name) => {
      const placed = places.patroni(name, any);
      await stopPatroni(machine, placed);
      await machine.destroy(name);
      await forgetCluster(placed.spec);
    },
    health: (name, settings) => patroniEngine.health(places.patroni(name, settings)),
    address: (name: InstanceName) => ({ host: places.address(name), port: PORTS.postgres, database: DATABASE }),
  };
}
