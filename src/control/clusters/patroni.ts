import {
  changeSettingsOfAll,
  forgetCluster,
  patroniEngine,
  preparePatroniDatabase,
  stopPatroni,
} from "../../engines/patroni/index.ts";
import type { LocalMachine } from "../../machine/local/index.ts";
import { membersOf } from "../../plan/replication.ts";
import type { DatabaseSettings, Replication } from "../../plan/step.ts";
import type { InstanceName } from "../../topology/names.ts";
import { PORTS } from "../../topology/placement.ts";
import { DATABASE } from "../placed.ts";
import type { SystemPlaces } from "../placed-system.ts";
import type { StepContext } from "../world.ts";
import type { ClusterRunner } from "./cluster.ts";
import { ANY, type Member, patroniMembers } from "./patroni-members.ts";
import { setUnusedDataAside } from "./unused-data.ts";

/** The system's PostgreSQL under Patroni, each member on a host of its own. */
export function patroniClusters(machine: LocalMachine, places: SystemPlaces): ClusterRunner {
  const members = patroniMembers(machine, places);

  /** Starts the members from their files. Gives those that are well when one leads. */
  async function running(
    name: InstanceName,
    settings: DatabaseSettings,
    context: StepContext,
    replication: Replication | undefined,
  ): Promise<readonly Member[]> {
    const all = members.placed(name, settings, replication);
    for (const member of all) await members.launch(member);
    return members.untilLed(all, context);
  }

  return {
    init: async (name, settings) => {
      const placed = places.patroni(name, settings);
      await setUnusedDataAside(placed.folder, "patroni");
      await members.write(placed);
    },
    start: async (name, settings, context, replication) => {
      // What Patroni keeps in etcd may be older than the files, after a crash between the two.
      await changeSettingsOfAll(await running(name, settings, context, replication), settings);
    },
    change: async (name, from, settings, context, replication) => {
      const well = await running(name, settings, context, replication);
      const before = well.map((member) => places.patroni(member.name, from, replication));
      await changeSettingsOfAll(before, settings);
    },
    stop: async (name, replication) => {
      const leader = await members.leader(members.placed(name, ANY, replication)).catch(() => undefined);
      const last = (one: InstanceName) => (one === (leader?.name ?? name) ? 1 : 0);
      // The primary last: nobody takes its place meanwhile, and what it wrote last is on the others.
      for (const one of [...membersOf(name, replication)].sort((a, b) => last(a) - last(b)))
        await stopPatroni(machine, places.patroni(one, ANY, replication));
    },
    prepare: async (name, settings, replication) =>
      preparePatroniDatabase(await members.leader(members.placed(name, settings, replication))),
    remove: async (name) => {
      const placed = places.patroni(name, ANY);
      await stopPatroni(machine, placed);
      await machine.destroy(name);
      await forgetCluster(placed.spec);
    },
    health: (member, settings, replication) => patroniEngine.health(places.patroni(member, settings, replication)),
    addresses: async (name, replication) => {
      const all = members.placed(name, ANY, replication);
      const leader = all.length === 1 ? all[0] : await members.leader(all);
      const of = (one: InstanceName) => ({
        name: one,
        host: places.address(one),
        port: PORTS.postgres,
        database: DATABASE,
      });
      const primary = leader?.name ?? name;
      return { primary: of(primary), standbys: all.filter((one) => one.name !== primary).map((one) => of(one.name)) };
    },
  };
}
