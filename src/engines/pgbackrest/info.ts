import { z } from "zod";
import type { Machine } from "../../machine/machine.ts";
import type { Placed } from "../engine.ts";
import type { BackupsSpec } from "./repository.ts";
import { pgbackrest } from "./run.ts";

/** `info --output=json` of pgBackRest 2.45 (its manual, "Information"). */
const Info = z.array(
  z.object({
    backup: z.array(
      z.object({
        label: z.string(),
        type: z.enum(["full", "diff", "incr"]),
        /** Pages whose checksums did not fit were found while the backup was made. */
        error: z.boolean().optional(),
        info: z.object({ size: z.number(), repository: z.object({ delta: z.number() }) }),
        timestamp: z.object({ start: z.number(), stop: z.number() }),
      }),
    ),
  }),
);

/** A backup that is whole. */
export interface Backup {
  /** Its name; of the time at which it began, such as `20261127-222537F`. */
  readonly label: string;
  /** `full` stands alone, `diff` builds on the last full one, `incr` on the last one of any kind. */
  readonly type: "full" | "diff" | "incr";
  /** Milliseconds since the epoch, of whole seconds. */
  readonly startedAt: number;
  readonly finishedAt: number;
  /** Size of the database, and what this backup added to the repository; bytes. */
  readonly bytes: number;
  readonly repositoryBytes: number;
  /** Some of the database's pages did not fit their checksums when it was made: the database is damaged. */
  readonly damaged: boolean;
}

/** The backups of a cluster, oldest first. */
export async function backupsOf(
  machine: Pick<Machine, "run">,
  instance: Placed<BackupsSpec>,
): Promise<readonly Backup[]> {
  const [stanza] = Info.parse(JSON.parse(await pgbackrest(machine, instance, "info", ["--output=json"])));
  return (stanza?.backup ?? []).map(({ label, type, error, info, timestamp }) => ({
    label,
    type,
    startedAt: timestamp.start * 1_000,
    finishedAt: timestamp.stop * 1_000,
    bytes: info.size,
    repositoryBytes: info.repository.delta,
    damaged: error === true,
  }));
}
