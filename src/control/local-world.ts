import { readdir, rm, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { LocalMachine } from "../machine/local/index.ts";
import { networkOf, releaseNetwork } from "../machine/local/network.ts";
import { socketName } from "../plan/situation.ts";
import { InstanceName, releaseOf } from "../topology/names.ts";
import { CONTROL } from "./address.ts";
import { balancerSteps } from "./balancer-steps.ts";
import type { ClusterRef } from "./clusters/cluster.ts";
import { embeddedClusters } from "./clusters/embedded.ts";
import { patroniClusters } from "./clusters/patroni.ts";
import { leaderAmong } from "./clusters/patroni-members.ts";
import { endpointsInUse, followPrimary, publishEndpoints } from "./endpoints.ts";
import { etcdSteps } from "./etcd-steps.ts";
import { keepTopologies } from "./kept.ts";
import { moveSteps } from "./move-steps.ts";
import type { StatePaths } from "./paths.ts";
import { type SystemPlaces, systemPlaces } from "./placed-system.ts";
import { StepFailed } from "./problem.ts";
import { makeRelease, readFacts, releasesOnDisk, removeRelease, writeFacts } from "./release.ts";
import { deploymentKeys, writeSecrets } from "./secrets.ts";
import { type ServiceSteps, serviceSteps } from "./service-steps.ts";
import { standbySteps } from "./standby-steps.ts";
import type { World } from "./world.ts";
import { writeBack } from "./write-back.ts";

/** Longest wait for the service to read from other standbys, in milliseconds. */
const STANDBYS_MS = 15_000;

/** The world of one machine, with what looks after it between plans. */
interface LocalWorld extends World, ServiceSteps {
  readonly places: SystemPlaces;
  /** Tells the service, and whatever starts later, which member leads by now; does nothing where there are no standbys. */
  followPrimary(): Promise<void>;
}

/** The world of one machine: hosts are loopback addresses. */
export function localWorld(folder: string, machine: LocalMachine, paths: StatePaths): LocalWorld {
  const places = systemPlaces(machine, paths, () => networkOf(folder));
  const clusters = { embedded: embeddedClusters(machine, paths), patroni: patroniClusters(machine, places) };
  const cluster: World["cluster"] = (kind) => clusters[kind];
  const publish: World["publishEndpoints"] = async (serving, upcoming) => {
    const keys = await deploymentKeys(paths);
    if (keys === undefined) throw new Error("the deployment has no keys yet");
    const addresses = ({ instance, kind, replication }: ClusterRef) => cluster(kind).addresses(instance, replication);
    await publishEndpoints(machine, paths, keys.deployment, {
      ...(await addresses(serving)),
      upcoming: upcoming === undefined ? undefined : (await addresses(upcoming)).primary,
    });
  };

  async function instanceFolders(): Promise<InstanceName[]> {
    const names = await readdir(dirname(machine.folder(CONTROL))).catch(() => []);
    return names.flatMap((name) => InstanceName.safeParse(name).data ?? []).filter((name) => name !== CONTROL);
  }

  return {
    ...serviceSteps(folder, machine, paths, places),
    ...etcdSteps(machine, places),
    ...standbySteps(machine, places),
    ...balancerSteps(machine, places, paths),
    ...moveSteps(paths, {
      cluster,
      publishEndpoints: publish,
      inUse: (options) => endpointsInUse(machine, paths, options),
      freeBytes: async (name) => {
        const { bavail, bsize } = await statfs(machine.folder(name));
        return bavail * bsize;
      },
    }),
    places,
    cluster,
    followPrimary: () => followPrimary(machine, paths, (members) => leaderAmong(places, members)),
    publishEndpoints: publish,
    publishStandbys: async (serving, { signal }) => {
      await publish(serving);
      const [late] = await endpointsInUse(machine, paths, { withinMs: STANDBYS_MS, signal });
      if (late !== undefined) throw notHeard(late);
    },
    openSocket: ({ host, port }) => machine.openSocket({ name: socketName({ host, port }), host, port }),
    closeSocket: (address) => machine.closeSocket(socketName(address)),
    writeSecrets: () => writeSecrets(paths),
    makeRelease: async (release, from) => {
      await makeRelease(folder, paths, release, from);
      const facts = from === "folder" ? undefined : await readFacts(paths, from);
      if (facts !== undefined) await writeFacts(paths, release, facts);
    },
    destroyData: async () => {
      for (const name of await instanceFolders()) {
        await machine.stop(name);
        await machine.destroy(name, { atOnce: true });
      }
      for (const path of [paths.releases, paths.secrets, paths.endpoints, paths.topologies]) {
        await rm(path, { recursive: true, force: true });
      }
      releaseNetwork(folder);
    },
    instances: async () => (await machine.list()).map(({ name }) => name).filter((name) => name !== CONTROL),
    writeBack: (from, to) => writeBack(paths, from, to),
    keep: async (kept, releases) => {
      await keepTopologies(paths, kept);
      for (const release of await releasesOnDisk(paths)) {
        if (!releases.has(release)) await removeRelease(paths, release);
      }
      const running = new Set((await machine.list()).map(({ name }) => name));
      for (const name of await instanceFolders()) {
        const release = releaseOf(name);
        if (release !== undefined && !releases.has(release) && !running.has(name)) await machine.destroy(name);
      }
      await rm(join(paths.root, "releases", ".new"), { recursive: true, force: true });
    },
  };
}

function notHeard(instance: InstanceName): StepFailed {
  return new StepFailed("endpoints-not-used", {
    at: instance,
    says: `it did not take up where the database's members are within ${STANDBYS_MS / 1_000} s`,
    fix: `see \`ninefold logs ${instance}\`, and try again`,
  });
}
