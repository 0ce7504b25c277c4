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
import { backUp, verifyBackups } from "./backup.ts";
import { type BackedUp, backedUp, leading, whoLeads } from "./cluster.ts";
import { rangeOf } from "./range.ts";
import { dropRestored, restore } from "./restore.ts";
import { type BackupsStatus, backupsStatus } from "./status.ts";
import type { BackupRequest, BackupsView, RestoreRequest, WorkView } from "./views.ts";
import { createWork } from "./work.ts";

/** Backups of the database that serves. None of it is a plan: it changes nothing that serves. */
export interface Backups {
  list(): Promise<BackupsView>;
  /** Begins a backup; without a type an incremental one, and the first one a full one. */
  begin(wanted: BackupRequest): WorkView;
  verify(): WorkView;
  restore(wanted: RestoreRequest): WorkView;
  drop(): Promise<void>;
  off(): Promise<void>;
  /** For the status of the whole; undefined where nothing is backed up. */
  status(): Promise<BackupsStatus | undefined>;
  /** The last one of these that was begun. */
  work(): WorkView | undefined;
}

export function createBackups({
  journal,
  machine,
  places,
  paths,
}: {
  readonly journal: Journal;
  readonly machine: LocalMachine;
  readonly places: SystemPlaces;
  readonly paths: StatePaths;
}): Backups {
  const work = createWork();
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
      const backups = begun(found) ? await backupsOf(machine, found.backups) : [];
      return {
        archiving: archiving.state,
        ...(archiving.says === undefined ? {} : { says: archiving.says }),
        repository: repositoryOf(found.backups.folder),
        backups: [...backups],
        ...rangeOf(backups, archiving),
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
    drop: async () => {
      const { topology } = journal.situation;
      const restored = topology === undefined ? undefined : restoredName(firstDatacenter(topology));
      if (restored === undefined || !existsSync(machine.folder(restored)))
        throw new NothingThere("nothing was restored", "restore with `ninefold restore --to latest`");
      if (work.now?.state === "running") throw new BackupUnderWay(work.now.says);
      await dropRestored(machine, { restored });
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
