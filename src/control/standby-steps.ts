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

      /** Returns when one of `among` leads; gives who led before. */
      async function lead(among: readonly InstanceName[], every: readonly Member[]) {
        const from = (await members.leader(every)).name;
        const to = among.includes(from) ? from : await members.ready(every, among);
        if (to === from) return { from, to };
        await switchover(every, to);
        // Commits wait until one of the others follows, and so would whatever comes next.
        const others = every.map(({ name }) => name).filter((one) => one !== to);
        await members.ready(every, others);
        return { from, to };
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
          const staying = [cluster, ...next.standbys];
          // Those that no commit waits for any more may not lead either.
          await lead(staying, every);
          // One that leaves may be gone already: that is why it leaves.
          const known = await clusterView(every.map(({ spec }) => spec));
          const there = ({ name }: Member) => staying.includes(name) || known.some((member) => member.name === name);
          await changeReplication(machine, every.filter(there), patroniReplication(next));
        },
        lead: async (among) => {
          await lead(among, all());
        },
        view: () => clusterView(all().map(({ spec }) => spec)),
        switchover: async (to) => {
          const every = all();
          const leads = await members.leader(every);
          return lead(
            to === undefined ? every.map(({ name }) => name).filter((one) => one !== leads.name) : [to],
            every,
          );
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
