import type { Placed } from "../engine.ts";
import type { PostgresSpec } from "./spec.ts";

/**
 * `init.sh`: makes the data folder, once. Killed at any line it can run again: only the last line makes the folder
 * appear under its name, and until then a first try is thrown away.
 */
export function initScript({ spec, folder }: Placed<PostgresSpec>): string {
  const ctype = process.platform === "darwin" ? "en_US.UTF-8" : "C.UTF-8";
  return `#!/bin/sh
# Makes the data folder of this PostgreSQL. The file \`password\` holds a SCRAM verifier, not the password.
set -eu
cd ${quoted(folder)}
if [ -e data/PG_VERSION ]; then exit 0; fi
rm -rf data.new
${quoted(spec.binaries.initdb)} --pgdata=data.new --username=postgres --pwfile=password \\
  --auth=scram-sha-256 --data-checksums --encoding=UTF8 \\
  --lc-collate=C --lc-ctype=${ctype} --lc-messages=C${spec.durable === false ? " --no-sync" : ""}
mv data.new data
`;
}

/**
 * Shell lines that clear what a killed server leaves behind, which PostgreSQL rightly does not dare to clear itself.
 * They want `data` set (absolute, links resolved), and leave the number of a server that runs in `server`.
 */
export const CLEAR_LEFTOVERS = `# Every process of a server works in its data folder. (Linux only; elsewhere PostgreSQL itself refuses to start twice.)
# It is known by its name: the file it runs from may have been replaced by an upgrade meanwhile.
is_ours() { [ "/proc/$1/cwd" -ef "$data" ] && [ "$(cat "/proc/$1/comm" 2> /dev/null)" = postgres ]; }

server=""
if [ -d /proc/self ]; then
  server=$(head -n 1 "$data/postmaster.pid" 2>/dev/null || true)
  if [ -z "$server" ] || ! is_ours "$server"; then
    server=""
    # After a crash or a restart of the machine, the number in postmaster.pid may belong to a process of another program.
    rm -f "$data/postmaster.pid"
    # Backends of a killed server may finish what they were at, holding its shared memory. No server may start beside them.
    for process in /proc/[0-9]*; do
      if is_ours "\${process#/proc/}"; then kill -KILL "\${process#/proc/}" 2>/dev/null || true; fi
    done
    for process in /proc/[0-9]*; do
      while is_ours "\${process#/proc/}"; do sleep 0.02; done
    done
  fi
fi
`;

/** `start.sh`: runs the server in the foreground. */
export function startScript({ spec, folder }: Placed<PostgresSpec>): string {
  return `#!/bin/sh
# Runs this PostgreSQL in the foreground; SIGINT ends it.
set -eu
cd ${quoted(folder)}
data=$(pwd -P)/data
postgres=${quoted(spec.binaries.postgres)}

${CLEAR_LEFTOVERS}
if [ -n "$server" ]; then
  echo "PostgreSQL already runs here, as process $server" >&2
  exit 1
fi
exec "$postgres" -D "$data" -c config_file=${quoted(`${folder}/postgresql.conf`)}
`;
}

/** A word as the shell takes it. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\\\''")}'`;
}
