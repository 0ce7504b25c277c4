import type { Placed } from "../engine.ts";
import { HELD } from "./hold.ts";
import { masterSocket } from "./sockets.ts";
import type { HaproxySpec } from "./spec.ts";

/** Descriptors for listeners, health checks, sockets of administration and the like. */
const OTHER_DESCRIPTORS = 500;

/**
 * `start.sh`: runs HAProxy in the foreground. A worker whose master was killed goes by itself, though it may take a
 * moment in which it would accept connections that nobody drains; so none is left when the next one starts.
 */
export function startScript(instance: Placed<HaproxySpec>): string {
  return `#!/bin/sh
# Runs this HAProxy in the foreground; SIGUSR1 lets its requests end first, SIGTERM does not.
set -eu
cd ${quoted(instance.folder)}
haproxy=${quoted(instance.spec.binary)}

for process in /proc/[0-9]*; do
  if [ "$process/cwd" -ef . ] && [ "$process/exe" -ef "$haproxy" ]; then kill -KILL "\${process#/proc/}" || true; fi
done

# A connection takes two descriptors, one to the client and one to a server. Where the machine allows fewer, HAProxy would
# refuse to start; so it takes fewer connections, and the others wait to be accepted.
connections=${instance.spec.limits.maxConnections + HELD}
allowed=$(ulimit -Hn)
if [ "$allowed" != unlimited ] && [ "$connections" -gt $(((allowed - ${OTHER_DESCRIPTORS}) / 2)) ]; then
  connections=$(((allowed - ${OTHER_DESCRIPTORS}) / 2))
  echo "this machine allows $allowed descriptors, so at most $connections connections are taken at a time" >&2
fi

exec "$haproxy" -n "$connections" -W -S ${quoted(`${masterSocket(instance)},mode,600,level,admin`)} -f haproxy.cfg
`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\\\''")}'`;
}
