import { existsSync } from "node:fs";
import { join } from "node:path";
import { addEtcdMember, etcdEngine, prepareEtcd, removeEtcdMember } from "../engines/etcd/index.ts";
import type { LocalMachine } from "../machine/local/index.ts";
import type { InstanceName } from "../topology/names.ts";
import type { SystemPlaces } from "./placed-system.ts";
import { sameOnDisk } from "./same-on-disk.ts";
import { until } from "./until.ts";
import { startFailed } from "./until-healthy.ts";
import type { World } from "./world.ts";

/** Longest wait for members to agree, in milliseconds, and between two looks. */
const AGREE_MS = 60_000;
const LOOK_MS = 30;

type EtcdSteps = Pick<World, "startEtcd" | "stopEtcd" | "addEtcd" | "removeEtcd">;

/** The steps of etcd. */
export function etcdSteps(machine: LocalMachine, places: SystemPlaces): EtcdSteps {
  const failed = startFailed("etcd-did-not-start", machine);
  const place = (names: readonly InstanceName[]) => names.map((name) => places.etcd(name, names.length === 1));

  /** Files for a first start only: one of several must not found a cluster of its own, whatever becomes of its data. */
  async function writeFiles(names: readonly InstanceName[]): Promise<void> {
    for (const member of place(names)) {
      const files = etcdEngine.render(member);
      if (!(await sameOnDisk(member.folder, files))) await machine.write(member.name, files, "engine");
    }
  }

  return {
    startEtcd: async (names, { signal, progress }) => {
      const members = place(names);
      await writeFiles(names);
      for (const member of members) await machine.start(member.name, etcdEngine.command(member));
      const look = async () => {
        const told = await Promise.all(members.map((member) => etcdEngine.health(member)));
        const well = members.filter((_, index) => told[index]?.healthy);
        const [first] = well;
        if (first !== undefined && well.length > members.length / 2) {
          await prepareEtcd(first);
          return { open: true as const };
        }
        const says = told.flatMap((health, index) =>
          health.healthy ? [] : [`${members[index]?.name}: ${health.says}`],
        );
        return { open: false as const, says: says.join("; ") };
      };
      await until(look, {
        everyMs: LOOK_MS,
        withinMs: () => AGREE_MS,
        signal,
        progress,
        late: (says) => failed(names[0] as InstanceName, says),
      });
      for (const member of members) {
        const others = members.filter((other) => other !== member);
        if (others.length === 0 || existsSync(join(member.folder, "data", "member", "wal"))) continue;
        // Its log is gone, and the others would not take it for the member it was.
        await removeEtcdMember(machine, members, member.name);
        await addEtcdMember(machine, others, member);
      }
    },
    stopEtcd: async (names) => {
      for (const name of names) await machine.stop(name);
    },
    addEtcd: async (name, others) => {
      await addEtcdMember(machine, place(others), places.etcd(name, false));
      await writeFiles([...others, name]);
    },
    removeEtcd: async (name, others) => {
      await removeEtcdMember(machine, place([...others, name]), name);
      await writeFiles(others);
    },
  };
}
