import { execFile } from "node:child_process";
import { chmod, chown, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { Client } from "pg";
import { SHARED_FLUSHES } from "../../engines/patroni/settings.ts";
import { postgresBinaries } from "../../engines/postgres/binaries.ts";
import { startTestPostgres, type TestPostgres } from "../../engines/postgres/testing.ts";
import { startGuard } from "../../engines/testing-guard.ts";
import { freePort } from "../../machine/free-port.ts";
import { engineUser } from "../../machine/local/user.ts";
import type { DatabaseAddress, Endpoints } from "../../topology/endpoints.ts";

/** One server of a {@link TestCluster}, and the superuser's hand on it. */
export interface TestMember {
  readonly name: string;
  readonly server: TestPostgres;
  readonly address: DatabaseAddress;
  rows<R>(text: string): Promise<R[]>;
  run(text: string): Promise<void>;
  /** Changes settings that need no restart, and waits until they hold. */
  set(settings: Readonly<Record<string, string>>): Promise<void>;
}

/** A primary and its standbys, streaming, without anybody who manages them: tests do that by hand. */
export interface TestCluster extends AsyncDisposable {
  /** The first one began as the primary. */
  readonly members: readonly TestMember[];
  endpoints(epoch?: number): Endpoints;
  /** Waits until `standby` has replayed all that `primary` has flushed. */
  caughtUp(standby: TestMember, primary?: TestMember): Promise<void>;
  /** Lets a standby follow another primary. */
  follow(standby: TestMember, primary: TestMember): Promise<void>;
}

/**
 * Starts a primary with roles and `standbys` copies of it. All standbys are synchronous, as Ninefold's own are, unless
 * `synchronous` says otherwise. Without `fsync` they are faster, and lose data when the machine dies.
 */
export async function startTestCluster({ standbys = 1, synchronous = true, fsync = false } = {}): Promise<TestCluster> {
  await using made = new AsyncDisposableStack();
  const first = await startTestPostgres({ fsync, roles: true });
  made.use(first);
  const primary = made.adopt(memberOf("dc1.db.1", first), (member) => member.end());
  await primary.set({
    ...SHARED_FLUSHES,
    synchronous_commit: "on",
    wal_retrieve_retry_interval: "50ms",
    wal_keep_size: "1GB",
  });
  const members = [primary];
  for (let i = 2; i <= standbys + 1; i++) {
    const name = `dc1.db.${i}`;
    const server = made.use(await copyOf(primary, name));
    members.push(made.adopt(memberOf(name, server), (member) => member.end()));
  }
  const names = members.slice(1).map(({ name }) => name);
  if (synchronous) await primary.set({ synchronous_standby_names: synchronousNames(names) });
  const kept = made.move();
  const cluster: TestCluster = {
    members,
    endpoints(epoch = 1) {
      const [now, ...others] = members.map(({ address }) => address) as [DatabaseAddress, ...DatabaseAddress[]];
      return { version: 1, epoch, deployment: "test", clusters: { main: { primary: now, standbys: others } } };
    },
    async caughtUp(standby, of = primary) {
      const [at] = await of.rows<{ lsn: string }>("select pg_current_wal_flush_lsn() as lsn");
      await until(async () => {
        const [is] = await standby.rows<{ ok: boolean }>(`select pg_last_wal_replay_lsn() >= '${at?.lsn}' as ok`);
        return is?.ok === true;
      });
    },
    follow: (standby, of) => standby.set({ primary_conninfo: conninfo(standby.name, of.server) }),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
  for (const standby of members.slice(1)) await cluster.caughtUp(standby);
  return cluster;
}

/** The setting with which a commit waits for all of them. */
export function synchronousNames(names: readonly string[]): string {
  return names.length === 0 ? "" : `${names.length} (${names.map((name) => `"${name}"`).join(", ")})`;
}

/** Waits for a condition; 20 s at most. */
export async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  for (const end = performance.now() + 20_000; !(await holds()); await delay(5)) {
    if (performance.now() > end) throw new Error(`in vain for 20 s: ${holds}`);
  }
}

function memberOf(name: string, server: TestPostgres): TestMember & { end(): Promise<void> } {
  const open = async () => {
    const client = new Client({ connectionString: server.connectionString });
    client.on("error", () => undefined);
    await client.connect();
    return client;
  };
  const rows = async <R>(text: string) => {
    const client = await open();
    try {
      return (await client.query(text)).rows as R[];
    } finally {
      await client.end();
    }
  };
  return {
    name,
    server,
    address: { host: server.host, port: server.port, database: server.database, name },
    rows,
    run: async (text) => void (await rows(text)),
    async set(settings) {
      for (const [setting, value] of Object.entries(settings)) {
        await rows(`alter system set ${setting} = '${value.replaceAll("'", "''")}'`);
      }
      const [before] = await rows<{ at: string }>("select pg_conf_load_time()::text as at, pg_reload_conf()");
      await until(
        async () => (await rows<{ at: string }>("select pg_conf_load_time()::text as at"))[0]?.at !== before?.at,
      );
    },
    end: async () => undefined,
  };
}

const conninfo = (name: string, { socketFolder, port, superuser }: TestPostgres) =>
  `host=${socketFolder} port=${port} user=${superuser.user} password=${superuser.password} application_name=${name}`;

/** The manual's low-level backup (26.3.3): the npm package has no pg_basebackup. */
async function copyOf(primary: TestMember, name: string): Promise<TestPostgres> {
  const from = dirname(primary.server.socketFolder);
  const folder = await mkdtemp(join(tmpdir(), "ninefold-pg-"));
  const port = await freePort();
  const user = engineUser();
  const client = new Client({ connectionString: primary.server.connectionString });
  await client.connect();
  await client.query("select pg_backup_start('test', true)");
  await promisify(execFile)("cp", ["-a", join(from, "data"), join(folder, "data")]);
  const { rows } = await client.query("select labelfile from pg_backup_stop(false)");
  await client.end();
  await rm(join(folder, "data", "postmaster.pid"), { force: true });
  await mkdir(join(folder, "s"));
  await cp(join(from, "pg_hba.conf"), join(folder, "pg_hba.conf"));
  const config = (await readFile(join(from, "postgresql.conf"), "utf8"))
    .replaceAll(from, folder)
    .replace(/^port = .*$/m, `port = ${port}`);
  const { postgres } = await postgresBinaries();
  const as = user === undefined ? "" : `setpriv --reuid=${user.uid} --regid=${user.gid} --clear-groups `;
  const files = {
    "postgresql.conf": `${config}\nprimary_conninfo = '${conninfo(name, primary.server)}'\nhot_standby = on\n`,
    "data/backup_label": rows[0].labelfile,
    "data/standby.signal": "",
    "guard.sh": `cd ${folder}
exec 3<&0
(${as}${postgres} -D ${folder}/data -c config_file=${folder}/postgresql.conf) >log 2>&1 3<&- </dev/null &
read -r _ <&3
kill -QUIT $(head -n 1 data/postmaster.pid) 2>/dev/null
wait
cd /
rm -rf ${folder}
`,
  };
  for (const [path, text] of Object.entries(files)) await writeFile(join(folder, path), text);
  for (const path of ["", "s", "data/backup_label", "data/standby.signal"]) {
    if (user !== undefined) await chown(join(folder, path), user.uid, user.gid);
  }
  await chmod(folder, 0o755);
  const guard = startGuard(folder);
  const server: TestPostgres = {
    ...primary.server,
    port,
    socketFolder: join(folder, "s"),
    connectionString: primary.server.connectionString.replace(`:${primary.server.port}/`, `:${port}/`),
    createDatabase: () => Promise.reject(new Error("a standby makes none")),
    [Symbol.asyncDispose]: guard.end,
  };
  const standby = memberOf(name, server);
  await until(() =>
    standby.run("select 1").then(
      () => true,
      () => false,
    ),
  );
  return server;
}
