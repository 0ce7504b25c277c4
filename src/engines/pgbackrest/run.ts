import { join } from "node:path";
import type { Machine } from "../../machine/machine.ts";
import type { InstanceName } from "../../topology/names.ts";
import type { Placed } from "../engine.ts";
import { problemOf } from "./problem.ts";
import type { BackupsSpec } from "./repository.ts";

/** Longest time that a backup, a check or a restore may take, in milliseconds; a day. */
const LONGEST_MS = 24 * 60 * 60_000;

/**
 * Runs pgBackRest on the backups' instance to its end, below everything that serves. It is ended when nobody waits for it any
 * more; the next run clears away or takes up what it left. Gives its standard output.
 * @throws BackupUnderWay, RepositoryFull, ArchivingFails, RepositoryDamaged, PgbackrestFailed, AgentFailed
 */
export function pgbackrest(
  machine: Pick<Machine, "run">,
  { name, folder, spec }: Placed<BackupsSpec>,
  command: "stanza-create" | "backup" | "info" | "verify",
  options: readonly string[] = [],
): Promise<string> {
  const words = [`--config=${join(folder, "pgbackrest.conf")}`, `--stanza=${spec.stanza}`, command, ...options];
  return runToEnd(machine, { name, folder }, [spec.program, ...words]);
}

/** Runs a command of pgBackRest's in the folder of an instance, as the user that PostgreSQL runs as; see {@link pgbackrest}. */
export async function runToEnd(
  machine: Pick<Machine, "run">,
  { name, folder }: { readonly name: InstanceName; readonly folder: string },
  [file = "", ...args]: readonly string[],
): Promise<string> {
  const env = { LC_ALL: "C", PGPASSFILE: join(folder, "pgpass") };
  const stop = { signal: "SIGTERM", withinMs: 0 } as const;
  const command = { file, args, env, cwd: folder, user: "engine", behind: true, stop } as const;
  const { code, stdout, stderr } = await machine.run(name, command, { ms: LONGEST_MS });
  if (code === 0) return stdout;
  throw problemOf(folder, `${stdout}\n${stderr}`);
}
