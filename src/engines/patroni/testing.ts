import { chmod, chown, mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { engineUser } from "../../machine/local/user.ts";
import type { Machine } from "../../machine/machine.ts";
import type { InstanceName } from "../../topology/names.ts";
import { OWNER_ROLE, SERVICE_ROLE } from "../../topology/roles.ts";
import type { Engine, Placed } from "../engine.ts";
import { type EtcdSpec, etcdEngine, prepareEtcd } from "../etcd/index.ts";
import { type DatabasePasswords, databasePasswords, SUPERUSER } from "../postgres/passwords.ts";
import type { Credentials } from "../postgres/testing.ts";
import { startGuard } from "../testing-guard.ts";
import { patroniSecrets, preparePatroniDatabase } from "./cluster.ts";
import { patroniEngine } from "./engine.ts";
import { PatroniFailed } from "./problem.ts";
import { changeReplication } from "./replication.ts";
import { ALONE } from "./settings.ts";
import type { PatroniSpec, Replication } from "./spec.ts";
import { testPlaces } from "./testing-places.ts";
import { killAll, signalAll } from "./testing-processes.ts";
import { clusterView, leaderOf, memberNamed } from "./view.ts";

/** A PostgreSQL under Patroni, with an etcd, of its own for a test; see {@link startTestPatroni}. */
export interface TestPatroni extends AsyncDisposable {
  /** Loopback TCP address of the first member's PostgreSQL; `socketFolder` is the other way in. */
  readonly host: string;
  readonly port: number;
  readonly socketFolder: string;
  readonly superuser: Credentials;
  readonly owner: Credentials;
  readonly service: Credentials;
  readonly passwords: DatabasePasswords;
  readonly database: string;
  /** Signs in to the first member as the superuser. */
  readonly connectionString: string;
  /** The first of each. */
  readonly etcd: Placed<EtcdSpec>;
  readonly patroni: Placed<PatroniSpec>;
  readonly etcds: readonly Placed<EtcdSpec>[];
  readonly members: readonly Placed<PatroniSpec>[];
  /** The member that leads now. */
  leader(): Promise<Placed<PatroniSpec>>;
  /** SIGKILL for all processes of an instance's host at once: Patroni and PostgreSQL, or etcd. Nobody starts them again. */
  kill(name: InstanceName): Promise<void>;
  /** Starts an instance that was killed. */
  start(name: InstanceName): void;
  /** A signal such as SIGSTOP or SIGCONT for all processes of an instance's host. */
  signal(name: InstanceName, signal: NodeJS.Signals): void;
}

interface Options {
  /** false is faster, and loses data when the machine (not the process) dies */
  readonly fsync?: boolean;
  readonly maxConnections?: number;
  /** PostgreSQL's members, 1 to 5; 1 without it. */
  readonly members?: number;
  /** etcd's members; without it 1 for one member of PostgreSQL and 3 for several. */
  readonly etcds?: number;
  /** For several members; without it all standbys are synchronous, and with two or more of them strictly. */
  readonly replication?: Replication;
  readonly applyDelayMs?: number;
}

/**
 * Starts the system's PostgreSQL under Patroni with the product's own configuration in a folder of its own: a primary with
 * roles and database prepared, and standbys that stream, when it returns. Ends, and leaves nothing behind, when it is
 * disposed or when this process ends in whatever way.
 * @throws PackagesMissing, PatroniFailed
 */
export async function startTestPatroni(options: Options = {}): Promise<TestPatroni> {
  const { members: size = 1, etcds: dcs = size > 1 ? 3 : 1 } = options;
  const { replication = size === 1 ? ALONE : { synchronous: true, nodes: size - 1, strict: size > 2 } } = options;
  const folder = await mkdtemp(join(tmpdir(), "ninefold-patroni-"));
  const folderOf = (name: InstanceName) => join(folder, name);
  const places = await testPlaces(
    { etcds: dcs, members: size },
    join(folder, "secrets"),
    (name) => ({ folder: folderOf(name), sockets: join(folder, `s${name.split(".")[2]}`) }),
    {
      maxConnections: options.maxConnections ?? 100,
      memoryMb: 256,
      database: "test",
      ...(options.fsync === false ? { durable: false as const } : {}),
      ...(options.applyDelayMs === undefined ? {} : { applyDelayMs: options.applyDelayMs }),
    },
  );
  const [etcd, patroni] = [places.etcds[0], places.members[0]];
  if (etcd === undefined || patroni === undefined) throw new Error("a cluster has members");
  const passwords = await databasePasswords(patroni.spec.secrets);
  await own(folder, 0o755);
  const write: Machine["write"] = async (name, files) => {
    for (const [path, text] of files) {
      const target = join(folderOf(name), path);
      await makeFolder(dirname(target));
      await writeFile(target, text);
      await own(target, 0o600);
    }
  };
  const prepare = async <Spec>(engine: Engine<Spec>, placed: Placed<Spec>) => {
    await makeFolder(placed.folder);
    await makeFolder(placed.sockets);
    await write(placed.name, engine.render(placed), "engine");
    await writeFile(join(folder, `${placed.name}.sh`), runScript(engine, placed));
  };
  for (const one of places.etcds) await prepare(etcdEngine, one);
  for (const one of places.members) {
    await prepare(patroniEngine, one);
    await write(one.name, await patroniSecrets(one), "engine");
  }
  await writeFile(join(folder, "guard.sh"), guardScript(folder));
  const guard = startGuard(folder);
  const start = (name: InstanceName) => guard.tell(`${name}.sh`);

  try {
    for (const { name } of places.etcds) start(name);
    for (const one of places.etcds) await healthy(etcdEngine, one);
    await prepareEtcd(etcd);
    start(patroni.name);
    await healthy(patroniEngine, patroni);
    await preparePatroniDatabase(patroni);
    const standbys = places.members.slice(1);
    for (const { name } of standbys) start(name);
    for (const one of standbys) await healthy(patroniEngine, one);
    if (size > 1) await changeReplication({ write }, places.members, replication);
  } catch (cause) {
    await guard.end();
    throw cause;
  }
  const members = places.members.map((one) => ({ ...one, spec: { ...one.spec, replication } }));
  const { address: host, port, database } = patroni.spec;
  return {
    host,
    port,
    socketFolder: patroni.sockets,
    superuser: { user: SUPERUSER, password: passwords[SUPERUSER] },
    owner: { user: OWNER_ROLE, password: passwords[OWNER_ROLE] },
    service: { user: SERVICE_ROLE, password: passwords[SERVICE_ROLE] },
    passwords,
    database,
    connectionString: `postgres://${SUPERUSER}:${encodeURIComponent(passwords[SUPERUSER])}@${host}:${port}/${database}`,
    etcd,
    patroni: memberNamed(members, patroni.name),
    etcds: places.etcds,
    members,
    leader: async () => memberNamed(members, leaderOf(await clusterView(members.map(({ spec }) => spec)))),
    kill: (name) => killAll(folderOf(name)),
    start,
    signal: (name, signal) => void signalAll(folderOf(name), signal),
    [Symbol.asyncDispose]: guard.end,
  };
}

async function own(path: string, mode: number): Promise<void> {
  const user = engineUser();
  if (user !== undefined) await chown(path, user.uid, user.gid);
  await chmod(path, mode);
}

async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await own(path, 0o755);
}

/** Runs one instance in the foreground. */
function runScript<Spec>(engine: Engine<Spec>, placed: Placed<Spec>): string {
  const user = engineUser();
  const as = user === undefined ? "" : `setpriv --reuid=${user.uid} --regid=${user.gid} --clear-groups `;
  const { file, args, env, cwd } = engine.command(placed);
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return `cd ${cwd} && exec env ${variables.join(" ")} ${as}${file} ${args.join(" ")} >>${cwd}/log 2>&1\n`;
}

/** Runs the scripts it is told. PostgreSQL is in a session of its own and outlives Patroni, so all are found by their folders. */
function guardScript(folder: string): string {
  return `exec 3<&0
while read -r script <&3; do sh ${folder}/$script 3<&- </dev/null & done
left=1
while [ -n "$left" ]; do
  left=
  for process in /proc/[0-9]*; do
    case $(readlink "$process/cwd") in
      ${folder}/*) kill -KILL "\${process#/proc/}" 2>/dev/null && left=1 ;;
    esac
  done
done
wait
cd /
rm -rf ${folder}
`;
}

async function healthy<Spec>(engine: Engine<Spec>, placed: Placed<Spec>): Promise<void> {
  let last = "";
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await delay(50)) {
    const health = await engine.health(placed);
    if (health.healthy) return;
    last = health.says;
  }
  const log = await readFile(join(placed.folder, "log"), "utf8").catch(() => "(no log)");
  throw new PatroniFailed(
    dirname(placed.folder),
    `${placed.name} did not come up for a test: ${last}\n${log.slice(-3000)}`,
  );
}
