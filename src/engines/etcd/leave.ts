import { setTimeout as delay } from "node:timers/promises";
import type { Machine } from "../../machine/machine.ts";
import type { InstanceName } from "../../topology/names.ts";
import type { Placed } from "../engine.ts";
import { REFUSAL } from "./client.ts";
import { etcdCluster, peerUrl } from "./members.ts";
import { EtcdFailed } from "./problem.ts";
import type { EtcdSpec } from "./spec.ts";

const READY_MS = 30_000;

/**
 * Takes one member out of its cluster, alive or dead, then ends it and removes its folder: its data is of no use to
 * anybody any more. The others must be able to agree without it. Safe to run again.
 * @param running the members that the cluster has, this one among them
 * @throws EtcdFailed
 */
export async function removeEtcdMember(
  machine: Machine,
  running: readonly Placed<EtcdSpec>[],
  name: InstanceName,
): Promise<void> {
  const leaving = running.find((member) => member.name === name);
  const others = running.filter((member) => member.name !== name);
  if (leaving !== undefined) {
    // The others' word counts; it is asked for last, for a cluster of two of which the other one is down.
    const cluster = await etcdCluster([...others, leaving]);
    const url = peerUrl(leaving);
    for (const deadline = Date.now() + READY_MS; ; await delay(200)) {
      const known = (await cluster.members()).find(({ peerUrls }) => peerUrls.includes(url));
      if (known === undefined) break;
      const refused = await cluster.ask("cluster/member/remove", { ID: known.id }, REFUSAL.notReady, REFUSAL.unhealthy);
      if (refused !== undefined && Date.now() > deadline) throw new EtcdFailed(name, `cannot be removed: ${refused}`);
    }
  }
  await machine.stop(name);
  await machine.destroy(name);
}
