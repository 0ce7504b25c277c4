import { join } from "node:path";
import type { Placed } from "../engine.ts";
import { quoted } from "../postgres/scripts.ts";
import { rendered, repositoryOf } from "./config.ts";

/** What of a member of a cluster tells where its log goes. */
type Member = Placed<{
  /** Name of the cluster, and of its part of the repository, which pgBackRest calls a stanza. */
  readonly scope: string;
  /** Absolute path of the folder of the backups' instance. */
  readonly backups?: string;
}>;

/**
 * PostgreSQL runs it in its data folder; Patroni, for what a member left when it died, in the member's own, and without a shell.
 * pgBackRest wants to find its name in it.
 */
export const ARCHIVE_COMMAND = `sh -c '[ -e pgbackrest.sh ] || cd ..; exec sh pgbackrest.sh "$0"' "%p"`;

/** Log in bytes that may wait for a repository that takes none. Beyond it pgBackRest gives it up, so that the disk does not fill. */
const QUEUE = "5GiB";

/** Path, inside the backups' instance, of the file whose being there means that a cluster's log is archived. */
export function switchFile(stanza: string): string {
  return join("archiving", stanza);
}

/** A member's part of backups, by path inside its folder; none where it archives nothing. */
export function archiveFiles(member: Member): ReadonlyMap<string, string> {
  const { folder, spec } = member;
  if (spec.backups === undefined) return new Map();
  const config = rendered(
    `pgBackRest 2, written by Ninefold: how ${member.name} hands over its log. To see what is there:
# pgbackrest --config=${folder}/pgbackrest.conf info`,
    {
      global: {
        "repo1-path": repositoryOf(spec.backups),
        "spool-path": join(folder, "pgbackrest/spool"),
        "lock-path": join(folder, "pgbackrest/lock"),
        "log-level-file": "off",
        "log-level-console": "warn",
        "compress-type": "zst",
        "archive-async": "y",
        "archive-push-queue-max": QUEUE,
      },
      [spec.scope]: { "pg1-path": join(folder, "data") },
    },
  );
  return new Map([
    ["pgbackrest.conf", config],
    ["pgbackrest.sh", archiveScript(folder, spec.scope, join(spec.backups, switchFile(spec.scope)))],
  ]);
}

function archiveScript(folder: string, stanza: string, file: string): string {
  return `#!/bin/sh
# PostgreSQL's archive_command: hands a piece of the log to pgBackRest, once backups are on.
set -u
cd ${quoted(`${folder}/data`)} || exit 1
if [ ! -e ${quoted(file)} ]; then exit 0; fi
push() { pgbackrest --config=${quoted(`${folder}/pgbackrest.conf`)} --stanza=${stanza} "$@"; }

# The file of a new timeline: this member leads now. What the leader before it had no time to hand over is here as well, and
# PostgreSQL takes it for done on a standby. What is in the repository already stays as it is.
case "$1" in *.history)
  for status in pg_wal/archive_status/*.done; do
    name=$(basename "$status" .done)
    if [ \${#name} = 24 ] && [ -e "pg_wal/$name" ]; then
      push --no-archive-async --log-level-console=error archive-push "pg_wal/$name" || true
    fi
  done ;;
esac

push archive-push "$1"
`;
}
