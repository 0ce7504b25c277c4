import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { asSuperuser, setForAll } from "../../engines/patroni/index.ts";
import {
  ArchivingFails,
  archivingSince,
  backupPassword,
  pgbackrest,
  prepareBackupRole,
  repositoryOf,
  switchArchivingOff,
  switchArchivingOn,
  writeBackups,
} from "../../engines/pgbackrest/index.ts";
import type { Machine } from "../../machine/machine.ts";
import type { Member } from "../clusters/patroni-members.ts";
import type { BackedUp } from "./cluster.ts";

/** Longest time that what was committed waits to be archived, where little is written. */
const AT_LEAST_EVERY = "60s";
/** Longest wait until a piece of the log is in the repository, in milliseconds, and between two looks. */
const ARCHIVED_MS = 60_000;
const LOOK_MS = 100;

/** How archiving goes. */
export interface Archiving {
  readonly state: "off" | "on" | "failing";
  /** Why it fails. */
  readonly says?: string;
  /** Up to when what was committed is in the repository, in milliseconds since the epoch; undefined where nobody knows. */
  readonly until?: number;
}

/** Makes all that backups need, and returns when members archive their log from now on. Safe to run again. */
export async function turnOn(
  machine: Machine,
  { backups, members, held }: BackedUp,
  { primary, standby }: { primary: Member; standby: Member | undefined },
): Promise<void> {
  const password = await backupPassword(backups.spec.secrets);
  await asSuperuser(primary.spec, (client) => prepareBackupRole(client, password));
  await writeBackups(machine, backups, standby === undefined || held ? [primary] : [primary, standby]);
  if (!existsSync(join(repositoryOf(backups.folder), "archive", backups.spec.stanza, "archive.info")))
    await pgbackrest(machine, backups, "stanza-create");
  if (archivingSince(backups) !== undefined) return;
  await setForAll((members[0] ?? primary).spec, { archive_timeout: AT_LEAST_EVERY });
  await switchArchivingOn(machine, backups);
}

/** Members throw their log away again. What was archived stays; no restore goes beyond now. */
export async function turnOff({ backups }: BackedUp, primary: Member): Promise<void> {
  await switchArchivingOff(backups);
  await setForAll(primary.spec, { archive_timeout: null });
}

/** Asks the primary, and looks whether what it says to be archived is there: pgBackRest gives up log that waits for too long. */
export async function archivingOf({ backups }: BackedUp, primary: Member | undefined): Promise<Archiving> {
  const since = archivingSince(backups);
  if (since === undefined) return { state: "off" };
  if (primary === undefined) return { state: "failing", says: "no member leads" };
  const { last, at, failed } = await archiver(primary);
  if (failed !== undefined) {
    const says = `${failed} cannot be archived; it stays on ${primary.name} until it can, or until 5 GiB wait`;
    return { state: "failing", says, ...(at === undefined ? {} : { until: at }) };
  }
  const known = last !== undefined && at !== undefined && at > since;
  if (known && !(await isArchived(repositoryOf(backups.folder), backups.spec.stanza, last))) {
    const says = `log up to ${last} was given up, since too much of it waited; make a new backup to be able to restore again`;
    return { state: "failing", says };
  }
  return { state: "on", ...(at === undefined ? {} : { until: at }) };
}

/**
 * Returns when everything committed by now is in the repository, and a moment after it.
 * @param point gives the end of it a name, to restore to
 * @throws ArchivingFails
 */
export async function archiveAll(primary: Member, point?: string): Promise<void> {
  const file = await asSuperuser(primary.spec, async (client) => {
    // A restore to a time ends at the first commit after it.
    await client.query("select pg_current_xact_id()");
    if (point !== undefined) await client.query("select pg_create_restore_point($1)", [point]);
    const { rows } = await client.query<{ file: string }>("select pg_walfile_name(pg_switch_wal()) as file");
    return rows[0]?.file ?? "";
  });
  for (const deadline = Date.now() + ARCHIVED_MS; ; await delay(LOOK_MS)) {
    const { last } = await archiver(primary);
    if (last !== undefined && last >= file) return;
    if (Date.now() > deadline)
      throw new ArchivingFails(primary.name, `${file} was not archived within ${ARCHIVED_MS / 1_000} s`);
  }
}

/** `pg_stat_archiver` (manual 28.2.10). */
function archiver(primary: Member) {
  return asSuperuser(primary.spec, async (client) => {
    const { rows } = await client.query<{ last: string | null; at: Date | null; failed: string | null }>(
      `select left(last_archived_wal, 24) as last, last_archived_time as at,
              case when last_failed_time > coalesce(last_archived_time, '-infinity') then last_failed_wal end as failed
       from pg_stat_archiver`,
    );
    const { last, at, failed } = rows[0] ?? { last: null, at: null, failed: null };
    return { last: last ?? undefined, at: at?.getTime(), failed: failed ?? undefined };
  });
}

/** A piece of the log is in a folder that has the name of its first 16 digits, one of them for each system of databases. */
async function isArchived(repository: string, stanza: string, file: string): Promise<boolean> {
  if (!/^[0-9A-F]{24}$/.test(file)) return true;
  const folder = join(repository, "archive", stanza);
  for (const system of await readdir(folder).catch(() => [])) {
    const names = await readdir(join(folder, system, file.slice(0, 16))).catch(() => []);
    if (names.some((name) => name.startsWith(file))) return true;
  }
  return false;
}
