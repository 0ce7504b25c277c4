import { setTimeout as delay } from "node:timers/promises";
import { backupsOf, pgbackrest, verifyRepository } from "../../engines/pgbackrest/index.ts";
import type { LocalMachine } from "../../machine/local/index.ts";
import type { InstanceName } from "../../topology/names.ts";
import { endOf } from "../log-tail.ts";
import { turnOn } from "./archiving.ts";
import { type BackedUp, leading } from "./cluster.ts";
import type { BackupType, WorkResult } from "./views.ts";

const LOOK_MS = 500;

/** Makes a backup, from a standby where there is one; the first one turns archiving on. */
export async function backUp(
  machine: LocalMachine,
  cluster: BackedUp,
  type: BackupType,
  progress: (says: string) => void,
): Promise<WorkResult> {
  const began = performance.now();
  const { members, backups } = cluster;
  const { primary, standby } = await leading(members);
  progress("preparing");
  await turnOn(machine, cluster, { primary, standby });
  progress("waiting for a checkpoint");
  await withPercent(machine, backups.name, progress, () => pgbackrest(machine, backups, "backup", [`--type=${type}`]));
  const backup = (await backupsOf(machine, backups)).at(-1);
  if (backup === undefined) throw new Error("pgBackRest lists no backup after it made one");
  const from = standby === undefined || cluster.held ? primary : standby;
  return { kind: "backup", backup, from: from.name, tookMs: Math.round(performance.now() - began) };
}

/** Reads all that is in the repository, and compares it with its checksums. */
export async function verifyBackups(machine: LocalMachine, { backups }: BackedUp): Promise<WorkResult> {
  const began = performance.now();
  const says = await verifyRepository(machine, backups);
  return { kind: "verify", says, tookMs: Math.round(performance.now() - began) };
}

/** pgBackRest 2.45 tells how far it is in its log only, with each file. */
export async function withPercent(
  machine: LocalMachine,
  name: InstanceName,
  progress: (says: string) => void,
  work: () => Promise<unknown>,
): Promise<void> {
  const over = new AbortController();
  const before = await endOf(machine.log(name));
  const running = work().finally(() => over.abort());
  const look = async () => {
    while (!over.signal.aborted) {
      await delay(LOOK_MS, undefined, { signal: over.signal });
      const text = await endOf(machine.log(name));
      if (text === before) continue;
      const own = text.slice(Math.max(0, text.lastIndexOf(" command begin ")));
      const percent = [...own.matchAll(/, (\d+)(?:\.\d+)?%\)/g)].at(-1)?.[1];
      if (percent !== undefined) progress(`${percent} % of the files`);
    }
  };
  await Promise.all([running, look().catch(() => undefined)]);
}
