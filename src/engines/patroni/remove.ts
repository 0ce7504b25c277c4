import type { Machine } from "../../machine/machine.ts";
import type { InstanceName } from "../../topology/names.ts";
import type { Placed } from "../engine.ts";
import { stopPatroni } from "./cluster.ts";
import { forgetMember } from "./forget.ts";
import { PatroniFailed } from "./problem.ts";
import { patroniAsk } from "./rest.ts";
import { asSuperuser } from "./sign-in.ts";
import { slotOf } from "./slots.ts";
import type { PatroniSpec } from "./spec.ts";
import { until } from "./until.ts";
import { clusterView, leaderOf, memberNamed } from "./view.ts";

const ANSWER_MS = 15_000;
const READY_MS = 30_000;

/** Patroni reads all files of the folder as one, the last word counts. */
const LEAVING = new Map([
  [
    "config/3-leaving.yml",
    `# This member is being removed: nobody waits for it, and it does not lead.
tags:
  nosync: true
  nofailover: true
`,
  ],
]);

/**
 * Takes a standby out of its cluster and ends it: no commit waits for it, and no slot and no key of it are left. Its folder
 * stays. Works on one that is dead, too. Safe to run again.
 * @param members all members, `name` among them
 * @throws PatroniFailed for the leader, and while nobody leads
 */
export async function removeMember(
  machine: Machine,
  members: readonly Placed<PatroniSpec>[],
  name: InstanceName,
): Promise<void> {
  const leaving = memberNamed(members, name);
  const others = members.filter((member) => member.name !== name);
  const specs = others.map(({ spec }) => spec);
  const view = await clusterView(specs);
  const leader = memberNamed(members, leaderOf(view));
  if (leader.name === name)
    throw new PatroniFailed(leaving.folder, "it leads the cluster: switch over to another first");
  if (view.some((member) => member.name === name)) {
    await machine.write(name, LEAVING, "engine");
    await release(leaving, specs);
  }
  const slot = slotOf(name);
  await patroniAsk(leader.spec, "PATCH", "/config", { slots: { [slot]: null } }, ANSWER_MS);
  await stopPatroni(machine, leaving);
  await forgetMember(leader.spec, name);
  await until(leader.folder, `slot ${slot} is gone`, () => slotIsGone(members, slot), READY_MS);
}

/** Lets Patroni choose others to wait for. A member that does not answer is not waited for anyway. */
async function release({ spec, name }: Placed<PatroniSpec>, others: readonly PatroniSpec[]): Promise<void> {
  try {
    await patroniAsk(spec, "POST", "/reload", {}, ANSWER_MS);
  } catch {
    return;
  }
  const released = async () => (await clusterView(others)).every((one) => one.name !== name || one.role === "standby");
  await until(name, "no commit waits for it", released, READY_MS);
}

async function slotIsGone(members: readonly Placed<PatroniSpec>[], slot: string): Promise<boolean> {
  const leader = memberNamed(members, leaderOf(await clusterView(members.map(({ spec }) => spec))));
  return asSuperuser(leader.spec, async (client) => {
    const { rowCount } = await client.query("select from pg_replication_slots where slot_name = $1", [slot]);
    return rowCount === 0;
  });
}
