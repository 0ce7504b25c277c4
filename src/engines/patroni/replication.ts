import type { Client } from "pg";
import type { Machine } from "../../machine/machine.ts";
import type { Placed } from "../engine.ts";
import { patroniFiles } from "./cluster.ts";
import { PatroniFailed } from "./problem.ts";
import { patroniAsk } from "./rest.ts";
import { grantRewind } from "./rewind.ts";
import { clusterSettings } from "./settings.ts";
import { asSuperuser } from "./sign-in.ts";
import { slotOf } from "./slots.ts";
import type { PatroniSpec, Replication } from "./spec.ts";
import { until } from "./until.ts";
import { clusterView, leaderOf, memberNamed } from "./view.ts";

const ANSWER_MS = 15_000;
const READY_MS = 60_000;

/**
 * Makes a running cluster replicate as `next` says, and returns when PostgreSQL and Patroni both do: commits wait for the
 * standbys, and the standbys may lead. Writes the members' files. Safe to run again, whatever cut a first try short.
 *
 * Standbys must stream before they are waited for. A cluster that is to be alone (`nodes: 0`) must be led by the member that founded
 * it; the others can no longer take its place when this returns, and may be removed.
 * @throws PatroniFailed when the cluster has no leader, or not in time what `next` says; the message tells what lacks
 */
export async function changeReplication(
  machine: Pick<Machine, "write">,
  members: readonly Placed<PatroniSpec>[],
  next: Replication,
): Promise<void> {
  const changed = members.map((member) => ({ ...member, spec: { ...member.spec, replication: next } }));
  const specs = changed.map(({ spec }) => spec);
  const leader = memberNamed(changed, leaderOf(await clusterView(specs)));
  if (next.nodes === 0) {
    if (leader.spec.joins) throw new PatroniFailed(leader.folder, "a cluster of one must be led by its first member");
    await writeFiles(machine, changed);
    await until(leader.folder, "no standby may lead", () => mayLead(specs, leader.name, false), READY_MS);
  } else {
    await asSuperuser(leader.spec, grantRewind);
  }
  const slots = Object.fromEntries(
    changed.map(({ name }) => [slotOf(name), next.nodes === 0 ? null : { type: "physical" }]),
  );
  await patroniAsk(leader.spec, "PATCH", "/config", { ...clusterSettings(leader.spec), slots }, ANSWER_MS);
  await until(leader.folder, describe(next), () => inForce(changed, next), READY_MS);
  if (next.nodes === 0) return;
  await writeFiles(machine, changed);
  await until(leader.folder, "the standbys may lead", () => mayLead(specs, leader.name, true), READY_MS);
}

async function writeFiles(machine: Pick<Machine, "write">, members: readonly Placed<PatroniSpec>[]): Promise<void> {
  for (const member of members) {
    await machine.write(member.name, patroniFiles(member), "engine");
    await patroniAsk(member.spec, "POST", "/reload", {}, ANSWER_MS);
  }
}

async function mayLead(specs: readonly PatroniSpec[], leader: string, wanted: boolean): Promise<boolean | string> {
  const view = await clusterView(specs);
  const wrong = view.find((member) => member.name !== leader && member.mayLead !== wanted);
  return wrong === undefined || `${wrong.name} ${wanted ? "may not yet" : "still may"}`;
}

/** Patroni's key and PostgreSQL's setting are two things, and one may be there without the other. */
async function inForce(members: readonly Placed<PatroniSpec>[], next: Replication): Promise<boolean | string> {
  const view = await clusterView(members.map(({ spec }) => spec));
  const leader = memberNamed(members, leaderOf(view));
  const promotable = view.filter(({ role }) => role === "synchronous").map(({ name }) => name);
  const waitedFor = await asSuperuser(leader.spec, waitsFor);
  const wanted = next.synchronous ? next.nodes : 0;
  if (promotable.length === wanted && waitedFor.length === wanted && promotable.every((one) => waitedFor.includes(one)))
    return true;
  return `synchronous for Patroni: ${list(promotable)}; for PostgreSQL: ${list(waitedFor)}`;
}

/** Names of the standbys that a commit waits for. */
async function waitsFor(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    "select application_name as name from pg_stat_replication where sync_state = 'sync' order by 1",
  );
  return rows.map(({ name }) => name);
}

function describe({ synchronous, nodes }: Replication): string {
  return synchronous ? `commits wait for ${nodes} of the standbys` : "commits wait for no standby";
}

function list(names: readonly string[]): string {
  return names.length === 0 ? "none" : names.join(", ");
}
