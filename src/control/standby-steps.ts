import type { Health } from "../engines/engine.ts";
import { changeReplication, clusterView, patroniEngine, removeMember, switchover } from "../engines/patroni/index.ts";
import type { LocalMachine } from "../machine/local/index.ts";
import type { Replication } from "../plan/step.ts";
import type { InstanceName } from "../topology/names.ts";
import { type Member, patroniMembers } from "./clusters/patroni-members.ts";
import { patroniReplication, type SystemPlaces } from "./placed-system.ts";
import { startFailed, untilHealthy } from "./until-healthy.ts";
import type { StandbyActions, World } from "./world.ts";

/** Most that a new standby may lack, in bytes, before commits wait for it and readers use it. */
const CAUGHT_UP = 1_048_576;

/** The steps of standbys, of clusters under Patroni. */
export function standbySteps(machine: LocalMachine, places: SystemPlaces): Pick<World, "standbys"> {
  const members = patroniMembers(machine, places);
  const failed = startFailed("standby-did-not-start", machine);

  return {
    standbys: ({ cluster, settings, replication }): StandbyActions => {
      /** All members, those that `more` names included, as they are to be with `as`. */
      const all = (more: readonly InstanceName[] = [], as = replication): readonly Member[] =>
        [...new Set([cluster, ...replication.standbys, ...more])].map((name) => places.patroni(name, settings, as));

      /** One of these, which may be synchronous and may not: Patroni refuses one that could lack a commit. */
      async function lead(among: readonly InstanceName[], every: readonly Member[]): Promise<void> {
        const { name } = await members.leader(every);
        if (among.includes(name)) return;
        const view = await clusterView(every.map(({ spec }) => spec));
        const ready = (one: InstanceName) => view.some((known) => known.name === one && known.role === "synchronous");
        await switchover(every, among.find(ready) ?? among[0]);
      }

      return {
        add: async (name, context) => {
          const standby = places.patroni(name, settings, replication);
          await members.write(standby);
          await untilHealthy(patroniEngine, standby, machine, { ...context, failed, lacks: lagOf(replication) });
        },
        remove: async (name) => {
          const every = all([name]);
          const staying = every.map((member) => member.name).filter((one) => one !== name);
          await lead(staying, every);
          await removeMember(machine, every, name);
          await machine.destroy(name);
        },
        change: async (next) => {
          const every = all(next.standbys, next);
          // Those that no commit waits for any more may not lead either.
          await lead([cluster, ...next.standbys], every);
          await changeReplication(machine, every, patroniReplication(next));
        },
        lead: (among) => lead(among, all()),
        switchover: async (to) => {
          const from = (await members.leader(all())).name;
          return { from, to: await switchover(all(), to) };
        },
      };
    },
  };
}

/** What a standby lacks to be waited for. One that is held behind on purpose has what it does not show. */
function lagOf({ lagMs }: Replication) {
  return ({ details: { lagBytes = 0 } }: Health & { healthy: true }): string | undefined =>
    lagMs > 0 || Number(lagBytes) <= CAUGHT_UP ? undefined : `${lagBytes} bytes behind`;
}
