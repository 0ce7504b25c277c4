import { existsSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { LocalMachine } from "../machine/local/index.ts";
import { socketName } from "../plan/situation.ts";
import { Endpoints } from "../topology/endpoints.ts";
import { InstanceName, releaseOf } from "../topology/names.ts";
import { editTopology, readTopology } from "../topology/yaml.ts";
import { databaseSteps } from "./database-steps.ts";
import { writeDurably } from "./format.ts";
import { keepTopologies } from "./kept.ts";
import type { StatePaths } from "./paths.ts";
import { DATABASE, POSTGRES_PORT } from "./placed.ts";
import { makeRelease, releasesOnDisk, removeRelease } from "./release.ts";
import { deploymentKeys, writeSecrets } from "./secrets.ts";
import { serviceSteps } from "./service-steps.ts";
import type { World } from "./world.ts";

/** The control plane's own instance, kept by the agent like any other. */
export const CONTROL = InstanceName.parse("dc1.control");

/** The world of rung 1: everything on this machine. */
export function localWorld(folder: string, machine: LocalMachine, paths: StatePaths): World {
  const service = serviceSteps(folder, machine, paths);

  async function instanceFolders(): Promise<InstanceName[]> {
    const names = await readdir(dirname(machine.folder(CONTROL))).catch(() => []);
    return names.flatMap((name) => InstanceName.safeParse(name).data ?? []).filter((name) => name !== CONTROL);
  }

  return {
    ...databaseSteps(machine, paths),
    ...service,
    openSocket: ({ host, port }) => machine.openSocket({ name: socketName({ host, port }), host, port }),
    closeSocket: (address) => machine.closeSocket(socketName(address)),
    writeSecrets: () => writeSecrets(paths),
    makeRelease: (release, from) => makeRelease(folder, paths, release, from),
    publishEndpoints: async (database) => {
      const keys = await deploymentKeys(paths);
      if (keys === undefined) throw new Error("the deployment has no keys yet");
      const primary = { host: machine.sockets(database), port: POSTGRES_PORT, database: DATABASE };
      const clusters = { main: { primary, standbys: [] } };
      const known = await readEndpoints(paths);
      const same = known?.deployment === keys.deployment && JSON.stringify(known.clusters) === JSON.stringify(clusters);
      if (same) return;
      const next: Endpoints = { version: 1, epoch: (known?.epoch ?? 0) + 1, deployment: keys.deployment, clusters };
      await writeDurably(paths.endpoints, `${JSON.stringify(next, null, 2)}\n`, 0o600);
    },
    destroyData: async (database) => {
      for (const name of await instanceFolders()) {
        await machine.stop(name);
        await machine.destroy(name);
      }
      await machine.destroy(database);
      for (const path of [paths.releases, paths.secrets, paths.endpoints, paths.topologies]) {
        await rm(path, { recursive: true, force: true });
      }
    },
    instances: async () => (await machine.list()).map(({ name }) => name).filter((name) => name !== CONTROL),
    writeBack: async (from, to) => {
      if (!existsSync(paths.topologyFile)) return;
      const text = await readFile(paths.topologyFile, "utf8");
      const document = readTopology(text);
      const changes = [
        { at: ["app", "servers"], from: from.topology?.app.servers, to: to.topology?.app.servers },
        { at: ["workers", "servers"], from: from.topology?.workers.servers, to: to.topology?.workers.servers },
      ].filter((change) => change.to !== undefined && change.from !== change.to);
      const next = editTopology(document, changes);
      if (changes.length > 0 && next !== text) await writeDurably(paths.topologyFile, next, 0o644);
    },
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

/** What instances are told now; undefined before the first time, or when the file is not whole. */
async function readEndpoints(paths: StatePaths): Promise<Endpoints | undefined> {
  const text = await readFile(paths.endpoints, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return Endpoints.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
