import { setTimeout as delay } from "node:timers/promises";
import type { Machine } from "../../machine/machine.ts";
import type { Placed } from "../engine.ts";
import { REFUSAL } from "./client.ts";
import { etcdYml } from "./config.ts";
import { etcdEngine } from "./engine.ts";
import { type EtcdCluster, etcdCluster, type KnownMember, peerUrl } from "./members.ts";
import { EtcdFailed } from "./problem.ts";
import type { EtcdSpec } from "./spec.ts";

const READY_MS = 30_000;
const CATCH_UP_MS = 60_000;

/**
 * Brings one more member to a running cluster, and starts it: as a learner first, whose absence costs the others nothing,
 * so that a try that is cut short at any point leaves a cluster that works. Safe to run again: a member that was added
 * but did not start is finished, one that is there is left alone.
 * @param running the members that the cluster has
 * @throws EtcdFailed
 */
export async function addEtcdMember(
  machine: Machine,
  running: readonly Placed<EtcdSpec>[],
  next: Placed<EtcdSpec>,
): Promise<void> {
  const others = running.filter(({ name }) => name !== next.name);
  const cluster = await etcdCluster(others);
  const url = peerUrl(next);
  const find = (members: readonly KnownMember[]) => members.find(({ peerUrls }) => peerUrls.includes(url));
  let all = await cluster.members();
  let known = find(all);
  if (known === undefined) {
    // Data of an earlier life would not let it in.
    await machine.stop(next.name);
    await machine.destroy(next.name);
    await add(cluster, url);
    all = await cluster.members();
    known = find(all);
  }
  if (known === undefined) throw new EtcdFailed(next.name, "was added, and is not among the members");
  if (known.learner) {
    await machine.write(next.name, new Map([["etcd.yml", etcdYml(next, foundWith(all, next))]]), "engine");
    await machine.start(next.name, etcdEngine.command(next));
    await promote(cluster, known.id, next.name);
  }
  // From now on it knows the others from its data, and the file is the one of any start.
  await machine.write(next.name, etcdEngine.render(next), "engine");
  await machine.start(next.name, etcdEngine.command(next));
  await untilHealthy(next);
}

/** One learner at a time may be there; the call waits its turn until the members have taken up an earlier change. */
async function add(cluster: EtcdCluster, url: string): Promise<void> {
  const body = { peerURLs: [url], isLearner: true };
  for (const deadline = Date.now() + READY_MS; ; await delay(200)) {
    const refused = await cluster.ask("cluster/member/add", body, REFUSAL.unhealthy, REFUSAL.notReady);
    if (refused === undefined) return;
    if (Date.now() > deadline) throw new EtcdFailed(url, `cannot be added: ${refused}`);
  }
}

/** Lets a learner vote as soon as it has what the leader has. */
async function promote(cluster: EtcdCluster, id: string, name: string): Promise<void> {
  for (const deadline = Date.now() + CATCH_UP_MS; ; await delay(100)) {
    const refused = await cluster.ask("cluster/member/promote", { ID: id }, REFUSAL.learnerBehind, REFUSAL.notLearner);
    if (refused === undefined || refused === REFUSAL.notLearner) return;
    if (Date.now() > deadline) throw new EtcdFailed(name, "does not catch up with the leader");
  }
}

/** The others by the names they have, and this one. */
function foundWith(all: readonly KnownMember[], next: Placed<EtcdSpec>): string {
  const own = peerUrl(next);
  return all
    .flatMap(({ name, peerUrls }) => peerUrls.map((url) => `${url === own ? next.name : name}=${url}`))
    .join(",");
}

async function untilHealthy(member: Placed<EtcdSpec>): Promise<void> {
  for (const deadline = Date.now() + READY_MS; ; await delay(50)) {
    const health = await etcdEngine.health(member);
    if (health.healthy) return;
    if (Date.now() > deadline) throw new EtcdFailed(member.name, `joined, but is not healthy: ${health.says}`);
  }
}
