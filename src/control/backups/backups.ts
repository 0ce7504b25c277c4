import { existsSync } from "node:fs";
import { join } from "node:path";
import { missingPackages } from "../../engines/packages.ts";
import { BackupUnderWay, backupsOf, repositoryOf } from "../../engines/pgbackrest/index.ts";
import type { LocalMachine } from "../../machine/local/index.ts";
import { restoredName } from "../../plan/backups.ts";
import { clustersOf } from "../../plan/clusters.ts";
import { firstDatacenter } from "../../plan/situation.ts";
import type { Journal } from "../journal.ts";
import type { StatePaths } from "../paths.ts";
import type { SystemPlaces } from "../placed-system.ts";
import { NothingThere } from "../problem.ts";
import { archivingOf, turnOff } from "./archiving.ts";
import { dropAside, servedBefore } from "./aside.ts";
import { backUp, verifyBackups } from "./backup.ts";
import { type BackedUp, backedUp, leading, whoLeads } from "./cluster.ts";
import { rangeOf } from "./range.ts";
import { dropRestored, restore } from "./restore.ts";
import { type BackupsStatus, backupsStatus } from "./status.ts";
import { createUse, type Using } from "./use.ts";
import type { BackupRequest, BackupsView, RestoreRequest, WorkView } from "./views.ts";
import { createWork } from "./work.ts";

/** Backups of the database that serves. None of it is a plan: but for `use` and `back`, it changes nothing that serves. */
export interface Backups {
  list(): Promise<BackupsView>;
  /** Begins a backup; without a type an incremental one, and the first one a full one. */
  begin(wanted: BackupRequest): WorkView;
  verify(): WorkView;
  restore(wanted: RestoreRequest): WorkView;
  /** Has what was restored serve, and the database that serves now stay aside. */
  use(): WorkView;
  /** Has the database that is aside serve again. */
  back(): WorkView;
  /** Removes what was restored, and what is aside. */
  drop(): Promise<void>;
  off(): Promise<void>;
  /** For the status of the whole; undefined where nothing is backed up. */
  status(): Promise<BackupsStatus | undefined>;
  /** Goes on with what an earlier control plane left half done. To be called again and again. */
  resume(): Promise<void>;
  /** No plan may begin now. @throws BackupUnderWay */
  refusePlans(): void;
  /** The last one of these that was begun. */
  work(): WorkView | undefined;
}

export function createBackups({
  journal,
  machine,
  places,
  paths,
  world,
}: {
  readonly journal: Journal;
  readonly machine: LocalMachine;
  readonly places: SystemPlaces;
  readonly paths: StatePaths;
  readonly world: Using["world"];
}): Backups {
  const work = createWork();
  const using = createUse({ journal, machine, paths, world });
  const cluster = () => backedUp(journal.situation, { machine, places, paths });
  const begun = ({ backups: { folder, spec } }: BackedUp) =>
    existsSync(join(repositoryOf(folder), "backup", spec.stanza, "backup.info"));
  const atLeastOne = () => {
    const found = cluster();
    if (!begun(found)) throw new NothingThere("there is no backup yet", "make one with `ninefold backup`");
    return found;
  };

  return {
    list: async () => {
      const found = cluster();
      const { primary } = await whoLeads(found.members).catch(() => ({ primary: undefined }));
      const archiving = await archivingOf(found, primary);
      const aside = primary === undefined ? undefined : await servedBefore(primary);
      const backups = begun(found) ? await backupsOf(machine, found.backups) : [];
      return {
        archiving: archiving.state,
        ...(archiving.says === undefined ? {} : { says: archiving.says }),
        repository: repositoryOf(found.backups.folder),
        backups: [...backups],
        ...rangeOf(backups, archiving),
        ...(aside === undefined ? {} : { aside: aside.bytes }),
        ...(work.now === undefined ? {} : { work: work.now }),
      };
    },
    begin: ({ type = "incr" }) => {
      const found = cluster();
      return work.begin("backup", (progress) => backUp(machine, found, type, progress));
    },
    verify: () => {
      const found = atLeastOne();
      return work.begin("verify", () => verifyBackups(machine, found));
    },
    restore: (wanted) => {
      const found = atLeastOne();
      return work.begin("restore", (progress) => restore(machine, paths, found, wanted, progress));
    },
    use: () => {
      const found = cluster();
      return work.begin("use", (progress) => using.use(found, progress));
    },
    back: () => {
      const found = cluster();
      return work.begin("back", (progress) => using.back(found, progress));
    },
    drop: async () => {
      if (work.now?.state === "running") throw new BackupUnderWay(work.now.says);
      const { topology, running } = journal.situation;
      const restored = topology === undefined ? undefined : restoredName(firstDatacenter(topology));
      const there = restored !== undefined && existsSync(machine.folder(restored));
      // After a descent to rung 1 there is no cluster that one could be aside in.
      const backed = running && clustersOf(journal.situation)?.serving.kind === "patroni";
      const primary = backed ? (await leading(cluster().members)).primary : undefined;
      const aside = primary === undefined ? undefined : await servedBefore(primary);
      if (!there && aside === undefined)
        throw new NothingThere("nothing was restored", "restore with `ninefold restore --to latest`");
      if (primary !== undefined) await dropAside(primary);
      if (there) await dropRestored(machine, { restored });
    },
    resume: () => using.resume(cluster),
    refusePlans: () => {
      if (using.holds) throw new BackupUnderWay("restore");
    },
    off: async () => {
      const found = cluster();
      await turnOff(found, (await leading(found.members)).primary);
    },
    status: async () => {
      const backed = clustersOf(journal.situation)?.serving.kind === "patroni" && journal.situation.running;
      return backed && !missingPackages(2).includes("pgbackrest") ? backupsStatus(machine, cluster()) : undefined;
    },
    work: () => work.now,
  };
}
