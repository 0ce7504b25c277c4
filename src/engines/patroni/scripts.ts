import type { Placed } from "../engine.ts";
import { CLEAR_LEFTOVERS, quoted } from "../postgres/scripts.ts";
import type { PatroniSpec } from "./spec.ts";

/** `start.sh`: runs Patroni in the foreground. A PostgreSQL that an earlier Patroni started goes on under this one. */
export function startScript({ spec, folder }: Placed<PatroniSpec>): string {
  return `#!/bin/sh
# Runs Patroni, which runs PostgreSQL, in the foreground; SIGTERM ends both.
set -eu
umask 077
cd ${quoted(folder)}

# PostgreSQL's own programs, but for the server: postgres.sh makes way for it first.
rm -rf bin.new
mkdir bin.new
ln -s ${quoted(spec.binaries.folder)}/* bin.new/
rm bin.new/postgres
{ echo '#!/bin/sh'; cat postgres.sh; } > bin.new/postgres
chmod 700 bin.new/postgres
rm -rf bin
mv bin.new bin

exec ${quoted(spec.binaries.patroni)} config
`;
}

/** `postgres.sh`: what Patroni starts as PostgreSQL's server. */
export function postgresScript({ spec, folder }: Placed<PatroniSpec>): string {
  return `# Runs PostgreSQL's server for Patroni.
set -eu
data=$(cd ${quoted(folder)} && pwd -P)/data
postgres=${quoted(`${spec.binaries.folder}/postgres`)}

${CLEAR_LEFTOVERS}
exec "$postgres" "$@"
`;
}

/** `stop.sh`: ends a PostgreSQL that a killed Patroni left behind. Does nothing where none runs. */
export function stopScript({ spec, folder }: Placed<PatroniSpec>): string {
  return `#!/bin/sh
# Ends a PostgreSQL that runs here without Patroni.
set -eu
data=$(cd ${quoted(folder)} && pwd -P)/data
postgres=${quoted(`${spec.binaries.folder}/postgres`)}

${CLEAR_LEFTOVERS}
if [ -n "$server" ]; then ${quoted(`${spec.binaries.folder}/pg_ctl`)} stop --pgdata "$data" --mode fast --timeout 60; fi
`;
}
