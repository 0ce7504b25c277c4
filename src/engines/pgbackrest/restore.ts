import { join } from "node:path";
import type { Machine } from "../../machine/machine.ts";
import type { Placed } from "../engine.ts";
import { quoted } from "../postgres/scripts.ts";
import { rendered, repositoryOf } from "./config.ts";
import type { BackupsSpec } from "./repository.ts";
import { runToEnd } from "./run.ts";

/** Up to where a restore goes. */
export type Target =
  /** To the last commit before a moment, milliseconds since the epoch. */
  | { readonly kind: "time"; readonly at: number }
  /** To a point that was named in the log. */
  | { readonly kind: "point"; readonly name: string }
  /** To the end of a backup. */
  | { readonly kind: "backup"; readonly label: string };

/**
 * Restores into the folder `data` of an instance, in the place of what is in it. pgBackRest compares each file with its checksum as
 * it writes it. PostgreSQL, started on it, replays the log up to the target and pauses there, read-only; it archives nothing.
 * @throws RepositoryDamaged, RepositoryFull, PgbackrestFailed
 */
export async function restoreInto(
  machine: Pick<Machine, "run" | "write">,
  place: Pick<Placed<unknown>, "name" | "folder">,
  backups: Placed<BackupsSpec>,
  target: Target,
): Promise<void> {
  const files = new Map([
    ["pgbackrest.conf", restoreConf(place.folder, backups)],
    ["restore.sh", restoreScript(place.folder, backups.spec, target)],
  ]);
  await machine.write(place.name, files, "engine");
  await runToEnd(machine, place, ["sh", "restore.sh"]);
}

/** `pgbackrest.conf` of an instance that is restored; PostgreSQL gets the log by it, too. */
function restoreConf(folder: string, { folder: backups, spec }: Placed<BackupsSpec>): string {
  return rendered("pgBackRest 2, written by Ninefold: where restore.sh restores from", {
    global: {
      "repo1-path": repositoryOf(backups),
      "spool-path": join(folder, "pgbackrest/spool"),
      "lock-path": join(folder, "pgbackrest/lock"),
      "log-level-file": "off",
    },
    "global:restore": {
      "archive-mode": "off",
      "log-level-console": "detail",
      // What does not fit its checksum does not change by being read again, 15 seconds later.
      "job-retry": 0,
    },
    [spec.stanza]: { "pg1-path": join(folder, "data") },
  });
}

/** pgBackRest takes these from its command line only. */
function upTo(target: Target): Record<string, string> {
  const pause = { "target-action": "pause" };
  switch (target.kind) {
    case "time":
      return {
        type: "time",
        target: new Date(target.at).toISOString().replace("T", " ").replace("Z", "+00"),
        ...pause,
      };
    case "point":
      return { type: "name", target: target.name, ...pause };
    case "backup":
      return { type: "immediate", set: target.label, ...pause };
  }
}

function restoreScript(folder: string, { program, stanza }: BackupsSpec, target: Target): string {
  const options = Object.entries(upTo(target)).map(([name, value]) => `--${name}=${quoted(value)}`);
  return `#!/bin/sh
# Restores into data, and removes what is there.
set -eu
cd ${quoted(folder)}
rm -rf data
mkdir -m 700 data
exec ${quoted(program)} --config="$PWD/pgbackrest.conf" --stanza=${stanza} \\
  ${options.join(" ")} restore
`;
}
