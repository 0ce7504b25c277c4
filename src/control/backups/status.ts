import { existsSync } from "node:fs";
import { readlink, stat } from "node:fs/promises";
import { join } from "node:path";
import { repositoryOf } from "../../engines/pgbackrest/index.ts";
import type { Machine } from "../../machine/machine.ts";
import type { ProblemReport, StatusView } from "../event.ts";
import { archivingOf } from "./archiving.ts";
import { type BackedUp, whoLeads } from "./cluster.ts";

export interface BackupsStatus {
  readonly view: NonNullable<StatusView["backups"]>;
  readonly problems: ProblemReport[];
}

/** Told from what lies in the repository and what the primary says, without running pgBackRest. Undefined where there is nothing. */
export async function backupsStatus(
  machine: Pick<Machine, "folder">,
  cluster: BackedUp,
): Promise<BackupsStatus | undefined> {
  const { members, backups, restored } = cluster;
  const last = await lastBackup(repositoryOf(backups.folder), backups.spec.stanza);
  const { primary } = await whoLeads(members).catch(() => ({ primary: undefined }));
  const { state, says } = await archivingOf(cluster, primary).catch(
    (error: Error) => ({ state: "failing", says: error.message }) as const,
  );
  const there = existsSync(machine.folder(restored));
  if (state === "off" && last === undefined && !there) return undefined;
  const fix = `see the log of ${primary?.name ?? "the primary"} for what pgBackRest says, and remove the cause; \`ninefold backup off\` gives backups up`;
  return {
    view: {
      archiving: state,
      ...(last === undefined ? {} : { last }),
      ...(there ? { restored } : {}),
    },
    problems: state === "failing" ? [{ code: "archiving-fails", at: backups.name, says: says ?? "", fix }] : [],
  };
}

/** pgBackRest links its newest backup as `latest`, and writes its list of files when it is done. */
async function lastBackup(repository: string, stanza: string) {
  const folder = join(repository, "backup", stanza);
  try {
    const label = await readlink(join(folder, "latest"));
    return { label, at: (await stat(join(folder, label, "backup.manifest"))).mtimeMs };
  } catch {
    return undefined; // there is none yet
  }
}
