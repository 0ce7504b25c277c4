import { NinefoldError } from "../../topology/problem.ts";

/** A backup or a restore of this deployment runs already. */
export class BackupUnderWay extends NinefoldError {
  constructor(at: string) {
    super("backup-under-way", {
      at,
      says: "another backup or restore is under way, and one is done at a time",
      fix: "Wait until it is over; `ninefold backup list` shows it",
    });
  }
}

/** The disk of the repository has no room left. What is in it stays as it was. */
export class RepositoryFull extends NinefoldError {
  constructor(repository: string) {
    super("repository-full", {
      at: repository,
      says: "there is no room left for backups; the ones that are there are whole",
      fix: "Free some space, or keep fewer with `databases.main.backup.keep`, and run `ninefold backup` again",
    });
  }
}

/** PostgreSQL's log does not reach the repository, without which a backup cannot be used. */
export class ArchivingFails extends NinefoldError {
  constructor(at: string, says: string) {
    super("archiving-fails", {
      at,
      says,
      fix: "See the database's log for what pgBackRest says, and remove the cause",
    });
  }
}

/** What was in the repository is not what had been put there. */
export class RepositoryDamaged extends NinefoldError {
  constructor(repository: string, says: string) {
    const fix =
      "Restore from another backup of `ninefold backup list`, and make a new one: `ninefold backup --type full`";
    super("repository-damaged", { at: repository, says, fix });
  }
}

/** pgBackRest refused or broke off; `says` carries its own words. */
export class PgbackrestFailed extends NinefoldError {
  constructor(at: string, says: string) {
    super("pgbackrest-failed", { at, says, fix: `The whole log is in ${at}/log` });
  }
}

/** pgBackRest's own numbers (its source, `build/error/error.yaml`). */
const LOCK = 50;
const ARCHIVE_TIMEOUT = 82;

/** The error that pgBackRest ended with, from what it wrote. @param folder of the instance that it ran on */
export function problemOf(folder: string, output: string): NinefoldError {
  const [, code, words] = /ERROR: \[(\d+)\]: (.*)/.exec(output) ?? [];
  if (/No space left on device|Disk quota exceeded/.test(output)) return new RepositoryFull(folder);
  const says = words ?? (output.trim().split("\n").at(-1) || "it was ended from outside");
  if (Number(code) === LOCK) return new BackupUnderWay(folder);
  if (Number(code) === ARCHIVE_TIMEOUT) return new ArchivingFails(folder, says);
  const damaged = /^.*(checksum|invalid|corrupt).*$/im.exec(words ?? "");
  return damaged === null ? new PgbackrestFailed(folder, says) : new RepositoryDamaged(folder, says);
}
