import { statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Machine } from "../../machine/machine.ts";
import type { Placed } from "../engine.ts";
import { switchFile } from "./archive.ts";
import { rendered, repositoryOf } from "./config.ts";
import { BACKUP_ROLE, backupPassword } from "./role.ts";

/** Backups of one cluster, in an instance of their own: its folder holds the repository, and pgBackRest runs there for as long as it has work. */
export interface BackupsSpec {
  /** See systemPgbackrest() in packages.ts. */
  readonly program: string;
  /** Name of the cluster; what pgBackRest calls a stanza. */
  readonly stanza: string;
  /** Full backups that are kept, with all that builds on them; 1 to 100. */
  readonly keep: number;
  /** Absolute path of the password of the role that backups are made with; see role.ts. */
  readonly secrets: string;
}

/** A member of the cluster, as pgBackRest reaches it: by files and a unix socket. */
export type Source = Pick<Placed<{ readonly port: number }>, "folder" | "sockets" | "spec">;

/**
 * Writes the configuration for the members that are there now: with more than one, the files are read from a standby.
 * @throws BadPasswords
 */
export async function writeBackups(
  machine: Pick<Machine, "write">,
  instance: Placed<BackupsSpec>,
  sources: readonly Source[],
): Promise<void> {
  const password = await backupPassword(instance.spec.secrets);
  const files = new Map([
    ["pgbackrest.conf", backupsConf(instance, sources)],
    ["pgpass", `*:*:*:${BACKUP_ROLE}:${password}\n`],
  ]);
  await machine.write(instance.name, files, "engine");
}

/** Lets the members of the cluster archive their log from now on. */
export async function switchArchivingOn(
  machine: Pick<Machine, "write">,
  { name, spec }: Placed<BackupsSpec>,
): Promise<void> {
  await machine.write(name, new Map([[switchFile(spec.stanza), "on\n"]]), "engine");
}

/** They archive nothing from now on; what is in the repository stays. */
export async function switchArchivingOff({ folder, spec }: Placed<BackupsSpec>): Promise<void> {
  await rm(join(folder, switchFile(spec.stanza)), { force: true });
}

/** Since when the members archive their log, in milliseconds since the epoch; undefined while they do not. */
export function archivingSince({ folder, spec }: Placed<BackupsSpec>): number | undefined {
  return statSync(join(folder, switchFile(spec.stanza)), { throwIfNoEntry: false })?.mtimeMs;
}

/** `pgbackrest.conf` of the backups' instance. */
export function backupsConf({ folder, spec }: Placed<BackupsSpec>, sources: readonly Source[]): string {
  const members = sources.map((source, index) => {
    const settings = {
      path: join(source.folder, "data"),
      "socket-path": source.sockets,
      port: source.spec.port,
      user: BACKUP_ROLE,
      database: "postgres",
    };
    return Object.fromEntries(Object.entries(settings).map(([key, value]) => [`pg${index + 1}-${key}`, value]));
  });
  return rendered(
    `pgBackRest 2, written by Ninefold: how backups are made, as the user that PostgreSQL runs as. To see what is there:
# pgbackrest --config=${folder}/pgbackrest.conf info`,
    {
      global: {
        "repo1-path": repositoryOf(folder),
        "repo1-retention-full": spec.keep,
        // Small files are put together, so that a backup of many tables is not one of many tiny files.
        "repo1-bundle": "y",
        "spool-path": join(folder, "spool"),
        "lock-path": join(folder, "lock"),
        "log-level-file": "off",
        "log-level-console": "detail",
        "compress-type": "zst",
        "process-max": Math.max(1, Math.min(4, Math.floor(availableParallelism() / 2))),
        // A checkpoint at once; the next one by itself may be ten minutes away.
        "start-fast": "y",
      },
      [spec.stanza]: { ...(sources.length > 1 ? { "backup-standby": "y" } : {}), ...Object.assign({}, ...members) },
    },
  );
}
