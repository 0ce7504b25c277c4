import type { Placed } from "../engine.ts";
import { masterSocket } from "./sockets.ts";
import type { HaproxySpec } from "./spec.ts";

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

exec "$haproxy" -W -S ${quoted(`${masterSocket(instance)},mode,600,level,admin`)} -f haproxy.cfg
`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\\\''")}'`;
}
