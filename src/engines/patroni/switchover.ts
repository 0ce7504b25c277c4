import type { InstanceName } from "../../topology/names.ts";
import type { Placed } from "../engine.ts";
import { PatroniFailed } from "./problem.ts";
import { memberStatus, patroniAsk } from "./rest.ts";
import { asSuperuser } from "./sign-in.ts";
import type { PatroniSpec } from "./spec.ts";
import { until } from "./until.ts";
import { clusterView, leaderOf, memberNamed } from "./view.ts";

const ANSWER_MS = 30_000;
const CHECKPOINT_MS = 300_000;
const READY_MS = 60_000;

/**
 * Moves the primary on purpose. The old one stops in good order and follows, so nothing is lost in any mode.
 * @param to the member that is to lead; without it Patroni chooses one that may. Does nothing when it leads already.
 * @returns the member that leads, and takes writes
 * @throws PatroniFailed when Patroni refuses, such as for a standby that is not synchronous in synchronous mode
 */
export async function switchover(members: readonly Placed<PatroniSpec>[], to?: InstanceName): Promise<InstanceName> {
  const specs = members.map(({ spec }) => spec);
  const from = memberNamed(members, leaderOf(await clusterView(specs)));
  if (from.name !== to) {
    // What is written before the stop need not be written in it, while nobody leads.
    await asSuperuser(from.spec, (client) => client.query("checkpoint"), CHECKPOINT_MS);
    const candidate = to === undefined ? {} : { candidate: to };
    await patroniAsk(from.spec, "POST", "/switchover", { leader: from.name, ...candidate }, ANSWER_MS);
  }
  let leads = from.name;
  await until(
    from.folder,
    `${to ?? "another member"} leads`,
    async () => {
      const leader = memberNamed(members, leaderOf(await clusterView(specs)));
      leads = leader.name;
      if (to === undefined ? leads === from.name : leads !== to) return `${leads} leads`;
      const { role, leads: holds } = await memberStatus(leader.spec, ANSWER_MS);
      return role === "primary" && holds;
    },
    READY_MS,
  );
  if (to !== undefined && leads !== to) throw new PatroniFailed(from.folder, `${leads} leads instead of ${to}`);
  return leads;
}
