import { statfs } from "node:fs/promises";
import { type Backup, backupsOf, restoreInto, type Target } from "../../engines/pgbackrest/index.ts";
import { postgresEngine } from "../../engines/postgres/index.ts";
import type { LocalMachine } from "../../machine/local/index.ts";
import type { Member } from "../clusters/patroni-members.ts";
import type { StatePaths } from "../paths.ts";
import { NothingThere, StepFailed } from "../problem.ts";
import { archiveAll, archivingOf } from "./archiving.ts";
import { ask } from "./ask.ts";
import { withPercent } from "./backup.ts";
import { type BackedUp, whoLeads } from "./cluster.ts";
import { compared } from "./compare.ts";
import { rangeOf } from "./range.ts";
import { checkPages, type Restored, replayed, restoredDatabase, serverOf } from "./restored.ts";
import type { RestoreRequest, WorkResult } from "./views.ts";

/** Room on the disk beyond the database itself, for the log that is replayed; bytes. */
const SPARE = 200_000_000;

/**
 * Restores beside the cluster that serves, proves what came of it, and leaves it running, read-only, to be looked at. What was
 * restored before goes first; nothing is left of one that fails.
 */
export async function restore(
  machine: LocalMachine,
  paths: StatePaths,
  cluster: BackedUp,
  { to }: RestoreRequest,
  progress: (says: string) => void,
): Promise<WorkResult> {
  const began = performance.now();
  const { members, backups } = cluster;
  const { primary } = await whoLeads(members).catch(() => ({ primary: undefined }));
  const known = await backupsOf(machine, backups);
  const target = await targetOf(cluster, known, to, primary, progress);
  const restored = restoredDatabase(machine, paths, cluster);
  await dropRestored(machine, cluster);
  try {
    await machine.write(restored.name, postgresEngine.render(restored), "engine");
    await room(restored, known);
    progress("restoring");
    const copy = () => restoreInto(machine, restored, backups, target);
    await withPercent(machine, restored.name, progress, copy);
    progress("replaying the log");
    await replayed(machine, restored, progress);
    progress("checking all pages");
    const pages = await checkPages(machine, restored);
    await replayed(machine, restored, progress);
    progress("comparing");
    const [reached] = await ask<{ at: Date | null }>(
      serverOf(restored),
      "postgres",
      "select pg_last_xact_replay_timestamp() as at",
    );
    return {
      kind: "restore",
      instance: restored.name,
      socket: restored.sockets,
      port: restored.spec.port,
      database: restored.spec.database,
      ...(reached?.at ? { reachedAt: reached.at.getTime() } : {}),
      pages,
      ...(await compared(restored, primary)),
      tookMs: Math.round(performance.now() - began),
    };
  } catch (error) {
    await dropRestored(machine, cluster);
    throw error;
  }
}

/** Removes what was restored. Safe when nothing is there. */
export async function dropRestored(machine: LocalMachine, { restored }: Pick<BackedUp, "restored">): Promise<void> {
  await machine.stop(restored);
  await machine.destroy(restored);
}

/** @throws NothingThere, StepFailed with the times that there are, ArchivingFails */
async function targetOf(
  cluster: BackedUp,
  known: readonly Backup[],
  to: RestoreRequest["to"],
  primary: Member | undefined,
  progress: (says: string) => void,
): Promise<Target> {
  if (known.length === 0) throw new NothingThere("there is no backup yet", "make one with `ninefold backup`");
  if (typeof to === "object" && "label" in to) {
    if (known.some(({ label }) => label === to.label)) return { kind: "backup", label: to.label };
    const labels = known.map(({ label }) => label).join(", ");
    throw new StepFailed("no-such-backup", {
      at: to.label,
      says: "there is no backup of this name",
      fix: `name one of ${labels}`,
    });
  }
  const archiving = await archivingOf(cluster, primary);
  const { earliest, latest } = rangeOf(known, archiving);
  const range = `from ${iso(earliest)} to ${archiving.state === "on" ? "now" : iso(latest)}`;
  if (to === "latest" && (archiving.state !== "on" || primary === undefined)) {
    throw new StepFailed("archiving-fails", {
      at: cluster.backups.name,
      says: `what was written last is not in the repository: ${archiving.says ?? "archiving is off"}`,
      fix: `restore to a time that is, ${range}`,
    });
  }
  if (to !== "latest" && !(to.at >= (earliest ?? 0) && to.at <= (latest ?? 0))) {
    throw new StepFailed("time-out-of-range", {
      at: iso(to.at),
      says: `the backups and their log reach ${range}`,
      fix: "name a time in between, or a label of `ninefold backup list`",
    });
  }
  const point = to === "latest" ? `ninefold-${iso(Date.now())}` : undefined;
  if (archiving.state === "on" && primary !== undefined) {
    progress("handing over the log up to now");
    await archiveAll(primary, point);
  }
  return to === "latest" ? { kind: "point", name: point ?? "" } : { kind: "time", at: to.at };
}

async function room({ folder, name }: Restored, known: readonly Backup[]): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const needed = Math.max(...known.map(({ bytes }) => bytes)) + SPARE;
  if (bavail * bsize >= needed) return;
  const mb = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`;
  throw new StepFailed("no-room", {
    at: folder,
    says: `${name} needs ${mb(needed)}, and ${mb(bavail * bsize)} are free`,
    fix: "free some space and try again",
  });
}

function iso(at: number | undefined): string {
  return at === undefined ? "the first backup" : new Date(at).toISOString();
}
