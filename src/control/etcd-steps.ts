import { etcdEngine, prepareEtcd } from "../engines/etcd/index.ts";
import type { LocalMachine } from "../machine/local/index.ts";
import type { SystemPlaces } from "./placed-system.ts";
import { sameOnDisk } from "./same-on-disk.ts";
import { startFailed, untilHealthy } from "./until-healthy.ts";
import type { World } from "./world.ts";

/** The steps of etcd. */
export function etcdSteps(machine: LocalMachine, places: SystemPlaces): Pick<World, "startEtcd" | "stopEtcd"> {
  return {
    startEtcd: async (name, context) => {
      const placed = places.etcd(name);
      const files = etcdEngine.render(placed);
      if (!(await sameOnDisk(placed.folder, files))) {
        await machine.stop(name);
        await machine.write(name, files, "engine");
      }
      const failed = startFailed("etcd-did-not-start", machine);
      await untilHealthy(etcdEngine, placed, machine, { ...context, failed });
      await prepareEtcd(placed);
    },
    stopEtcd: (name) => machine.stop(name),
  };
}
