import { chmod, chown, mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "../../machine/free-port.ts";
import { engineUser } from "../../machine/local/user.ts";
import { InstanceName } from "../../topology/names.ts";
import { OWNER_ROLE, SERVICE_ROLE } from "../../topology/roles.ts";
import type { Engine, Placed } from "../engine.ts";
import { type EtcdSpec, etcdEngine, prepareEtcd } from "../etcd/index.ts";
import { systemPostgres } from "../packages.ts";
import { type DatabasePasswords, databasePasswords, SUPERUSER } from "../postgres/passwords.ts";
import type { Credentials } from "../postgres/testing.ts";
import { startGuard } from "../testing-guard.ts";
import { patroniSecrets, preparePatroniDatabase } from "./cluster.ts";
import { patroniEngine } from "./engine.ts";
import { PatroniFailed } from "./problem.ts";
import type { PatroniSpec } from "./spec.ts";

/** A PostgreSQL under Patroni, with an etcd, of its own for a test; see {@link startTestPatroni}. */
export interface TestPatroni extends AsyncDisposable {
  /** Loopback TCP address of PostgreSQL; `socketFolder` is the other way in. */
  readonly host: string;
  readonly port: number;
  readonly socketFolder: string;
  readonly superuser: Credentials;
  readonly owner: Credentials;
  readonly service: Credentials;
  readonly passwords: DatabasePasswords;
  readonly database: string;
  /** Signs in as the superuser. */
  readonly connectionString: string;
  readonly etcd: Placed<EtcdSpec>;
  readonly patroni: Placed<PatroniSpec>;
}

/**
 * Starts the system's PostgreSQL under Patroni with the product's own configuration in a folder of its own: a primary with
 * roles and database prepared when it returns. Ends, and leaves nothing behind, when it is disposed or when this process
 * ends in whatever way.
 * @param options.fsync false is faster, and loses data when the machine (not the process) dies
 * @throws PackagesMissing, PatroniFailed
 */
export async function startTestPatroni(
  options: { fsync?: boolean; maxConnections?: number } = {},
): Promise<TestPatroni> {
  const folder = await mkdtemp(join(tmpdir(), "ninefold-patroni-"));
  const { etcd, patroni } = await placedIn(folder, options);
  const passwords = await databasePasswords(patroni.spec.secrets);
  const user = engineUser();
  const own = async (path: string, mode: number) => {
    if (user !== undefined) await chown(path, user.uid, user.gid);
    await chmod(path, mode);
  };
  await own(folder, 0o755);
  for (const path of [etcd.folder, patroni.folder, join(patroni.folder, "config"), patroni.sockets]) {
    await mkdir(path);
    await own(path, 0o755);
  }
  const files = [
    ...[...etcdEngine.render(etcd)].map(([path, text]) => [join(etcd.folder, path), text] as const),
    ...[...patroniEngine.render(patroni), ...(await patroniSecrets(patroni))].map(
      ([path, text]) => [join(patroni.folder, path), text] as const,
    ),
  ];
  for (const [path, text] of files) {
    await writeFile(path, text);
    await own(path, 0o600);
  }
  await writeFile(join(folder, "guard.sh"), guardScript(folder, etcd, patroni));

  const guard = startGuard(folder);

  try {
    await healthy(etcdEngine, etcd);
    await prepareEtcd(etcd);
    guard.tell("patroni");
    await healthy(patroniEngine, patroni);
    await preparePatroniDatabase(patroni);
  } catch (cause) {
    await guard.end();
    throw cause;
  }
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
    patroni,
    [Symbol.asyncDispose]: guard.end,
  };
}

async function placedIn(folder: string, options: { fsync?: boolean; maxConnections?: number }) {
  const address = `127.${100 + Math.floor(Math.random() * 100)}.${Math.floor(Math.random() * 255)}.2`;
  const [clientPort, peerPort, port, restPort] = await distinctPorts(address);
  const { etcd: program, patroni: patroniProgram, ...postgres } = systemPostgres();
  const secrets = join(folder, "secrets");
  const etcd: Placed<EtcdSpec> = {
    name: InstanceName.parse("test.etcd.1"),
    spec: {
      program,
      address,
      clientPort,
      peerPort,
      members: [{ name: "test.etcd.1", address, peerPort }],
      token: folder,
      secrets: join(secrets, "etcd.json"),
    },
    folder: join(folder, "etcd"),
    sockets: join(folder, "etcd"),
  };
  const patroni: Placed<PatroniSpec> = {
    name: InstanceName.parse("test.db.1"),
    spec: {
      address,
      port,
      restPort,
      scope: "test",
      etcd: [{ address, port: clientPort }],
      binaries: { ...postgres, patroni: patroniProgram },
      maxConnections: options.maxConnections ?? 100,
      memoryMb: 256,
      database: "test",
      secrets: join(secrets, "database.json"),
      patroniSecrets: join(secrets, "patroni.json"),
      etcdSecrets: join(secrets, "etcd.json"),
      ...(options.fsync === false ? { durable: false as const } : {}),
    },
    folder: join(folder, "db"),
    sockets: join(folder, "s"),
  };
  return { etcd, patroni };
}

async function distinctPorts(address: string): Promise<[number, number, number, number]> {
  const found = new Set<number>();
  while (found.size < 4) found.add(await freePort(address));
  return [...found] as [number, number, number, number];
}

/** Patroni's PostgreSQL is in a session of its own and outlives Patroni, so it is found by its data folder. */
function guardScript(folder: string, etcd: Placed<EtcdSpec>, patroni: Placed<PatroniSpec>): string {
  const user = engineUser();
  const as = user === undefined ? "" : `setpriv --reuid=${user.uid} --regid=${user.gid} --clear-groups `;
  const run = <Spec>(engine: Engine<Spec>, placed: Placed<Spec>) => {
    const { file, args, env, cwd } = engine.command(placed);
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    return `cd ${cwd} && exec env ${variables.join(" ")} ${as}${file} ${args.join(" ")} >${cwd}/log 2>&1 3<&- </dev/null`;
  };
  const data = `${patroni.folder}/data`;
  return `exec 3<&0
(${run(etcdEngine, etcd)}) &
etcd=$!
patroni=
if read -r _ <&3; then
  (${run(patroniEngine, patroni)}) &
  patroni=$!
  read -r _ <&3
fi
kill -KILL $patroni $etcd 2>/dev/null
wait
for process in /proc/[0-9]*; do
  if [ "$process/cwd" -ef ${data} ]; then kill -KILL "\${process#/proc/}" 2>/dev/null; fi
done
for process in /proc/[0-9]*; do
  while [ "$process/cwd" -ef ${data} ]; do sleep 0.02; done
done
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
    `${engine.name} did not come up for a test: ${last}\n${log.slice(-3000)}`,
  );
}
