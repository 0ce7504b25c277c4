import { hostname } from "node:os";
import {
  balancer,
  type HaproxySpec,
  haproxyEngine,
  localCertificate,
  writeCertificate,
} from "../engines/haproxy/index.ts";
import type { LocalMachine } from "../machine/local/index.ts";
import type { InstanceName } from "../topology/names.ts";
import type { Topology } from "../topology/topology.ts";
import type { StatePaths } from "./paths.ts";
import type { SystemPlaces } from "./placed-system.ts";
import { sameOnDisk } from "./same-on-disk.ts";
import { authorityFolder } from "./secrets.ts";
import { startFailed, untilHealthy } from "./until-healthy.ts";
import type { BalancerContext, World } from "./world.ts";

type BalancerSteps = Pick<World, "startBalancer" | "stopBalancer" | "enterBalancer" | "leaveBalancer">;

/**
 * The steps of the load balancer. Its file always says what it should be, so that it is the same again after it was killed;
 * what runs is then changed to that, without a restart.
 */
export function balancerSteps(machine: LocalMachine, places: SystemPlaces, paths: StatePaths): BalancerSteps {
  const failed = startFailed("balancer-did-not-start", machine);

  /** A local one is made when it is missing, and anew long before it ends. */
  async function certificateOf({ tls, host }: Topology["public"]): Promise<HaproxySpec["tls"]> {
    if (tls !== "local") return tls;
    const names = new Set(["localhost", "127.0.0.1", ...(host === "0.0.0.0" || host === "::" ? [hostname()] : [host])]);
    return localCertificate(authorityFolder(paths), [...names]);
  }

  async function be(
    name: InstanceName,
    servers: readonly InstanceName[],
    { topology, context }: BalancerContext,
  ): Promise<void> {
    const placed = places.balancer(name, [...servers].sort(), topology, await certificateOf(topology.public));
    const files = haproxyEngine.render(placed);
    if (!(await sameOnDisk(placed.folder, files))) await machine.write(name, files, "engine");
    await writeCertificate(machine, placed);
    await untilHealthy(haproxyEngine, placed, machine, { ...context, failed });
    await haproxyEngine.change(placed, placed.spec);
    await untilHealthy(haproxyEngine, placed, machine, {
      ...context,
      failed,
      lacks: ({ details }) =>
        details.serversUp === servers.length ? undefined : `${details.serversUp} of ${servers.length} servers are up`,
    });
  }

  /** Those that it has now; it may have been killed a moment ago. */
  async function present(name: InstanceName, { topology, context }: BalancerContext): Promise<InstanceName[]> {
    const placed = places.balancer(name, [], topology);
    await untilHealthy(haproxyEngine, placed, machine, { ...context, failed });
    return [...(await balancer(placed).servers()).keys()];
  }

  return {
    startBalancer: be,
    stopBalancer: (name) => machine.stop(name),
    enterBalancer: async (name, server, on) => be(name, [...new Set([...(await present(name, on)), server])], on),
    leaveBalancer: async (name, server, on) =>
      be(
        name,
        (await present(name, on)).filter((other) => other !== server),
        on,
      ),
  };
}
