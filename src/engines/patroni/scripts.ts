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

# PostgreSQL's own programs, but for two that do more here: postgres.sh and pg_isready.sh say what.
rm -rf bin.new
mkdir bin.new
ln -s ${quoted(spec.binaries.folder)}/* bin.new/
for program in postgres pg_isready; do
  rm bin.new/$program
  { echo '#!/bin/sh'; cat $program.sh; } > bin.new/$program
  chmod 700 bin.new/$program
done
rm -rf bin
mv bin.new bin

exec /usr/bin/python3 -I -S reaper.py /usr/bin/python3 -I launch.py ${quoted(spec.binaries.patroni)} config
`;
}

/**
 * `reaper.py`: Patroni's parent. A killed PostgreSQL stays in the list of processes until its parent has looked at it, and
 * until then Patroni takes it for running. Its parent is the system's first process, which in a container may be slow to look,
 * or never do it; here it is this one. Patroni's own package needs Python, so Python is there.
 */
export const REAPER = `# Runs a program and waits for all that it leaves behind (prctl(2), PR_SET_CHILD_SUBREAPER).
import ctypes, os, signal, sys

prctl = ctypes.CDLL(None).prctl
prctl(36, 1)  # PR_SET_CHILD_SUBREAPER
parent = os.getpid()
child = os.fork()
if child == 0:
    prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: never two Patronis for one PostgreSQL
    if os.getppid() != parent:
        sys.exit(1)
    os.execv(sys.argv[1], sys.argv[1:])
for number in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
    signal.signal(number, lambda received, _: os.kill(child, received))
while True:
    ended, status = os.wait()
    if ended == child:
        sys.exit(os.waitstatus_to_exitcode(status) % 256)
`;

/** `postgres.sh`: what Patroni starts as PostgreSQL's server. */
export function postgresScript({ spec, folder }: Placed<PatroniSpec>): string {
  return `# Runs PostgreSQL's server for Patroni.
set -eu
data=$(cd ${quoted(folder)} && pwd -P)/data

# A server whose folder was removed under it goes on for up to a minute, and holds the port.
find /proc/[0-9]*/cwd -maxdepth 0 -lname '* (deleted)' 2> /dev/null | while IFS=/ read -r _ _ process _; do
  if [ "$(readlink "/proc/$process/cwd")" = "$data (deleted)" ]; then kill -KILL "$process" 2> /dev/null || true; fi
done

${CLEAR_LEFTOVERS}
# Patroni copies the leader's data to an empty folder only, and wrote its own files to one that was removed.
if [ ! -e "$data/PG_VERSION" ] && [ ! -e "$data/base" ] && [ ! -e "$data/global" ]; then
  echo "There is no database in $data" >&2
  rm -rf "$data"
  exit 1
fi
exec ${quoted(`${spec.binaries.folder}/postgres`)} "$@"
`;
}

/**
 * `pg_isready.sh`: Patroni asks it once a second until a server that it started takes connections. This one answers as soon
 * as that is so, and otherwise after about a second; at once about a server that is gone.
 */
export function readyScript({ spec, folder }: Placed<PatroniSpec>): string {
  return `# Says whether PostgreSQL takes connections. While it starts up, waits a second for it.
data=$(cd ${quoted(folder)} && pwd -P)/data

# A server has its number in postmaster.pid some moments after it began.
starts() {
  [ "$1" -le 8 ] || [ "/proc/$(head -n 1 "$data/postmaster.pid")/cwd" -ef "$data" ]
}

try=0
while :; do
  ${quoted(`${spec.binaries.folder}/pg_isready`)} "$@" > /dev/null
  status=$?
  try=$((try + 1))
  # 1: it does not take connections yet, 2: no answer.
  if [ $status != 1 ] && [ $status != 2 ] || [ $try = 30 ] || ! starts $try 2> /dev/null; then exit $status; fi
  sleep 0.03
done
`;
}

/** `stop.sh`: ends a PostgreSQL that a killed Patroni left behind. Does nothing where none runs. */
export function stopScript({ spec, folder }: Placed<PatroniSpec>): string {
  return `#!/bin/sh
# Ends a PostgreSQL that runs here without Patroni.
set -eu
data=$(cd ${quoted(folder)} && pwd -P)/data

${CLEAR_LEFTOVERS}
if [ -n "$server" ]; then ${quoted(`${spec.binaries.folder}/pg_ctl`)} stop --pgdata "$data" --mode fast --timeout 60; fi
`;
}
