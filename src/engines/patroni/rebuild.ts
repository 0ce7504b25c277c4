import type { InstanceName } from "../../topology/names.ts";
import type { Placed } from "../engine.ts";
import { PatroniFailed } from "./problem.ts";
import { patroniAsk } from "./rest.ts";
import type { PatroniSpec } from "./spec.ts";
import { clusterView, leaderOf, memberNamed } from "./view.ts";

const ANSWER_MS = 30_000;

/**
 * Makes a standby throw its data away and copy the leader's. A member whose data folder is gone does so by itself; this is for
 * one whose data is there and damaged. Returns when Patroni has begun; the member's health tells when it is done.
 * @throws PatroniFailed for the leader, and while nobody leads
 */
export async function reinitialize(members: readonly Placed<PatroniSpec>[], name: InstanceName): Promise<void> {
  const leader = leaderOf(await clusterView(members.map(({ spec }) => spec)));
  const member = memberNamed(members, name);
  if (leader === undefined || leader === name) {
    throw new PatroniFailed(member.folder, leader === name ? "it leads the cluster" : "nobody leads the cluster");
  }
  await patroniAsk(member.spec, "POST", "/reinitialize", { force: true }, ANSWER_MS);
}
