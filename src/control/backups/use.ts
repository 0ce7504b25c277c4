import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { clusterView } from "../../engines/patroni/index.ts";
import type { LocalMachine } from "../../machine/local/index.ts";
import { clustersOf } from "../../plan/clusters.ts";
import { replicationOf } from "../../plan/replication.ts";
import type { DatabaseAddress, Endpoints } from "../../topology/endpoints.ts";
import type { Member } from "../clusters/patroni-members.ts";
import { endpointsInUse, publishEndpoints, readEndpoints } from "../endpoints.ts";
import type { Journal } from "../journal.ts";
import type { StatePaths } from "../paths.ts";
import { DATABASE } from "../placed.ts";
import { NothingThere, refuseOpen, StepFailed } from "../problem.ts";
import { deploymentKeys } from "../secrets.ts";
import type { ServiceSteps } from "../service-steps.ts";
import { ASIDE, hasFollowed, pointNow, servedBefore, swap } from "./aside.ts";
import { type BackedUp, leading } from "./cluster.ts";
import { copyRestored } from "./copy.ts";
import { replayed, restoredDatabase } from "./restored.ts";
import type { WorkResult } from "./views.ts";

/** Longest wait for the service to read from the primary alone, and for all standbys to have followed, in milliseconds. */
const IN_USE_MS = 15_000;
const FOLLOW_MS = 60_000;
const LOOK_MS = 200;

export interface Using {
  readonly journal: Journal;
  readonly machine: LocalMachine;
  readonly paths: StatePaths;
  readonly world: Pick<ServiceSteps, "migrateAt">;
}

/** What is done with a restored database beyond looking at it. */
export interface Use {
  /** A copy of what was restored serves in the place of the database that serves now, which stays aside. */
  use(cluster: BackedUp, progress: (says: string) => void): Promise<WorkResult>;
  /** The database that is aside serves again, and the one that serves now stays aside. */
  back(cluster: BackedUp, progress: (says: string) => void): Promise<WorkResult>;
  /** Lets the service read from standbys again, where an exchange that ended with its control plane had it do without. */
  resume(cluster: () => BackedUp): Promise<void>;
  /** An exchange is under way, and no plan may begin. */
  readonly holds: boolean;
}

export function createUse({ journal, machine, paths, world }: Using): Use {
  let holds = false;

  /** Runs what no plan may meet. @throws PlanUnderWay */
  async function alone<T>(run: () => Promise<T>): Promise<T> {
    refuseOpen(journal.open());
    holds = true;
    try {
      return await run();
    } finally {
      holds = false;
    }
  }

  async function exchange(members: readonly Member[], progress: (says: string) => void): Promise<number> {
    const { primary } = await leading(members);
    const standbys = members.filter((one) => one !== primary);
    if (standbys.length > 0) await readFromPrimary(primary, standbys, progress);
    try {
      progress("exchanging the databases");
      return await swap(primary);
    } finally {
      if (standbys.length > 0) await readFromStandbys(primary, standbys, progress);
    }
  }

  /** A session of a standby stays in the database that it was opened in, whatever that is called since: so there are none. */
  async function readFromPrimary(
    primary: Member,
    standbys: readonly Member[],
    progress: (says: string) => void,
  ): Promise<void> {
    progress("reading from the primary alone");
    await publish(primary, []);
    const [late] = await endpointsInUse(machine, paths, { withinMs: IN_USE_MS, signal: new AbortController().signal });
    if (late === undefined) return;
    await publish(primary, standbys);
    throw new StepFailed("endpoints-not-used", {
      at: late,
      says: `it still read from standbys after ${IN_USE_MS / 1_000} s; nothing was changed`,
      fix: `see \`ninefold logs ${late}\`, and try again`,
    });
  }

  /** From each one when it has followed. What does not within a time is left to {@link Use.resume}. */
  async function readFromStandbys(
    primary: Member,
    standbys: readonly Member[],
    progress: (says: string) => void,
  ): Promise<void> {
    progress("waiting for the standbys");
    const point = await pointNow(primary);
    const deadline = Date.now() + FOLLOW_MS;
    for (let read: readonly Member[] = []; Date.now() < deadline; await delay(LOOK_MS)) {
      const followed = await following(standbys, point);
      if (followed.length > read.length) await publish(primary, followed);
      read = followed;
      if (read.length === standbys.length) return;
    }
  }

  async function following(standbys: readonly Member[], point: string): Promise<readonly Member[]> {
    const all = await Promise.all(standbys.map((one) => hasFollowed(one, point).catch(() => false)));
    return standbys.filter((_, index) => all[index]);
  }

  async function publish(primary: Member, standbys: readonly Member[]): Promise<void> {
    const addresses = {
      primary: addressOf(primary, DATABASE),
      standbys: standbys.map((one) => addressOf(one, DATABASE)),
    };
    await publishEndpoints(machine, paths, await deployment(), addresses);
  }

  async function deployment(): Promise<string> {
    const keys = await deploymentKeys(paths);
    if (keys === undefined) throw new NothingThere("the deployment has no keys yet", "start it with `ninefold up`");
    return keys.deployment;
  }

  /** Brings the copy to what the release that serves needs. */
  async function migrate(primary: Member, progress: (says: string) => void): Promise<void> {
    const { release, topology } = journal.situation;
    if (release === undefined || topology === undefined) return;
    progress(`running the migrations of release ${release} on the copy`);
    const there: Endpoints = {
      version: 1,
      epoch: 1,
      deployment: await deployment(),
      clusters: { main: { primary: addressOf(primary, ASIDE), standbys: [] } },
    };
    const file = join(paths.root, "copy-endpoints.json");
    await writeFile(file, JSON.stringify(there), { mode: 0o600 });
    await world.migrateAt(file, release, topology).finally(() => rm(file, { force: true }));
  }

  return {
    get holds() {
      return holds;
    },
    use: async (cluster, progress) => {
      const began = performance.now();
      const { members } = cluster;
      const restored = restoredDatabase(machine, paths, cluster);
      if (!existsSync(restored.folder))
        throw new NothingThere(
          "nothing was restored",
          "restore with `ninefold restore --to <time>` and look at it first",
        );
      refuseFollower(journal);
      const { primary } = await leading(members);
      if ((await servedBefore(primary)) !== undefined) {
        throw new StepFailed("aside-in-the-way", {
          at: ASIDE,
          says: "the database that served before an earlier `restore --use` is still there",
          fix: "go back to it with `ninefold restore --back`, or remove it with `ninefold restore --drop`",
        });
      }
      await replayed(machine, restored, progress);
      await copyRestored(restored, primary, members, progress);
      const pausedMs = await alone(async () => {
        await migrate(primary, progress);
        return exchange(members, progress);
      });
      return { kind: "use", pausedMs, tookMs: Math.round(performance.now() - began) };
    },
    back: async ({ members }, progress) => {
      const began = performance.now();
      refuseFollower(journal);
      const { primary } = await leading(members);
      if ((await servedBefore(primary)) === undefined)
        throw new NothingThere("no database is aside", "`ninefold restore --use` puts the one that serves there");
      const pausedMs = await alone(() => exchange(members, progress));
      return { kind: "back", pausedMs, tookMs: Math.round(performance.now() - began) };
    },
    resume: async (cluster) => {
      const { running, topology } = journal.situation;
      const clusters = clustersOf(journal.situation);
      if (holds || !running || topology === undefined || clusters === undefined || journal.open() !== undefined) return;
      const wanted = replicationOf(topology, clusters, clusters.serving).standbys;
      const read = (await readEndpoints(paths))?.clusters.main?.standbys;
      if (read === undefined || read.length >= wanted.length) return;
      const { members } = cluster();
      const view = await clusterView(members.map(({ spec }) => spec)).catch(() => []);
      const { primary } = await leading(members);
      const alive = members.filter(
        (one) => one !== primary && view.some(({ name, state }) => name === one.name && isUp(state)),
      );
      if (alive.length <= read.length) return;
      await alone(async () => {
        const followed = await following(alive, await pointNow(primary));
        if (followed.length > read.length) await publish(primary, followed);
      });
    },
  };
}

function addressOf({ name, spec }: Member, database: string): DatabaseAddress {
  return { name, host: spec.address, port: spec.port, database };
}

/** In Patroni's words. */
function isUp(state: string): boolean {
  return state === "running" || state === "streaming";
}

/** The cluster of before a move follows this database by its name and its rows. */
function refuseFollower(journal: Journal): void {
  if (clustersOf(journal.situation)?.copy === undefined) return;
  throw new StepFailed("copy-in-the-way", {
    at: DATABASE,
    says: "the cluster of before the last move still follows this database, and could not follow another",
    fix: "run `ninefold finish`, which removes it, and try again",
  });
}
