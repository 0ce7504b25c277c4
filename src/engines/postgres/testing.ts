import { chmod, chown, mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { freePort } from "../../machine/free-port.ts";
import { engineUser } from "../../machine/local/user.ts";
import { InstanceName } from "../../topology/names.ts";
import { OWNER_ROLE, SERVICE_ROLE } from "../../topology/roles.ts";
import type { Placed } from "../engine.ts";
import { startGuard } from "../testing-guard.ts";
import { type PostgresBinaries, postgresBinaries } from "./binaries.ts";
import { pgHbaConf, postgresqlConf } from "./config.ts";
import { databasePasswords, SUPERUSER } from "./passwords.ts";
import { prepareRoles } from "./prepare.ts";
import { PostgresFailed } from "./problem.ts";
import { scramVerifier } from "./scram.ts";
import { initScript } from "./scripts.ts";
import type { PostgresSpec } from "./spec.ts";

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** A PostgreSQL of its own for a test; see {@link startTestPostgres}. */
export interface TestPostgres extends AsyncDisposable {
  /** Loopback TCP address; `socketFolder` is the other way in. */
  readonly host: string;
  readonly port: number;
  readonly socketFolder: string;
  readonly superuser: Credentials;
  /** Owner of the schema, and the service's role; they can sign in only if `roles` was asked for. */
  readonly owner: Credentials;
  readonly service: Credentials;
  readonly database: string;
  /** Signs in as the superuser. */
  readonly connectionString: string;
  /** Makes one more database, prepared like the first, and returns its name and the superuser's connection string. */
  createDatabase(): Promise<{ database: string; connectionString: string }>;
}

/**
 * Starts the real PostgreSQL with the product's own configuration in a folder of its own, ready when it returns.
 * Ends, and leaves nothing behind, when it is disposed or when this process ends in whatever way.
 * @param options.fsync false is faster, and loses data when the machine (not the process) dies
 * @param options.roles true makes the roles and the privileges that the product makes
 * @param options.binaries of another version
 * @param options.parent folder that its own is made in, for a disk of its own
 */
export async function startTestPostgres(
  options: {
    fsync?: boolean;
    roles?: boolean;
    maxConnections?: number;
    binaries?: PostgresBinaries;
    parent?: string;
  } = {},
): Promise<TestPostgres> {
  const folder = await mkdtemp(join(options.parent ?? tmpdir(), "ninefold-pg-"));
  const sockets = join(folder, "s");
  const secrets = join(folder, "secrets", "passwords.json");
  const port = await freePort();
  const spec: PostgresSpec = {
    binaries: options.binaries ?? (await postgresBinaries()),
    port,
    tcp: "127.0.0.1",
    maxConnections: options.maxConnections ?? 100,
    memoryMb: 256,
    database: "test",
    secrets,
    ...(options.fsync === false ? { durable: false } : {}),
  };
  const placed: Placed<PostgresSpec> = { name: InstanceName.parse("test.db.1"), spec, folder, sockets };
  const passwords = await databasePasswords(secrets);
  const user = engineUser();
  await mkdir(sockets);
  const files = {
    "postgresql.conf": postgresqlConf(placed),
    "pg_hba.conf": pgHbaConf(placed),
    "init.sh": initScript(placed),
    password: scramVerifier(passwords[SUPERUSER]),
    "guard.sh": guardScript(placed),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text, { mode: 0o644 });
  for (const path of [folder, sockets]) {
    if (user !== undefined) await chown(path, user.uid, user.gid);
    await chmod(path, 0o755);
  }

  const guard = startGuard(folder);

  const server = { host: "127.0.0.1", port };
  const superuser = { user: SUPERUSER, password: passwords[SUPERUSER] };
  const connection = (database: string) =>
    `postgres://${SUPERUSER}:${encodeURIComponent(superuser.password)}@127.0.0.1:${port}/${database}`;
  const make = async (database: string) => {
    if (options.roles) return prepareRoles(server, database, passwords);
    await query(connection("postgres"), `create database ${database}`);
  };
  let made = 1;

  try {
    await ready(connection("postgres"), folder, guard.gone);
    await make(spec.database);
  } catch (cause) {
    await guard.end();
    throw cause;
  }
  return {
    ...server,
    socketFolder: sockets,
    superuser,
    owner: { user: OWNER_ROLE, password: passwords[OWNER_ROLE] },
    service: { user: SERVICE_ROLE, password: passwords[SERVICE_ROLE] },
    database: spec.database,
    connectionString: connection(spec.database),
    createDatabase: async () => {
      made += 1;
      const database = `test_${made}`;
      await make(database);
      return { database, connectionString: connection(database) };
    },
    [Symbol.asyncDispose]: guard.end,
  };
}

function guardScript({ spec, folder }: Placed<PostgresSpec>): string {
  const user = engineUser();
  const as = user === undefined ? "" : `setpriv --reuid=${user.uid} --regid=${user.gid} --clear-groups `;
  return `cd ${folder}
exec 3<&0
(
  ${as}sh init.sh && exec ${as}${spec.binaries.postgres} -D ${folder}/data -c config_file=${folder}/postgresql.conf
) >log 2>&1 3<&- </dev/null &
server=$!
read -r _ <&3
kill -QUIT $server 2>/dev/null
wait $server
cd /
rm -rf ${folder}
`;
}

async function ready(connectionString: string, folder: string, gone: Promise<unknown>): Promise<void> {
  const ended = gone.then(() => "ended" as const);
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; ) {
    const failure = await query(connectionString, "select 1").then(
      () => undefined,
      (cause: Error) => cause,
    );
    if (failure === undefined) return;
    if ((await Promise.race([ended, delay(30)])) === "ended") break;
  }
  const log = await readFile(join(folder, "log"), "utf8").catch(() => "(no log)");
  throw new PostgresFailed(dirname(folder), `PostgreSQL did not come up for a test: ${log.slice(-2000)}`);
}

async function query(connectionString: string, text: string): Promise<void> {
  const client = new Client({ connectionString });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query(text);
  } finally {
    await client.end();
  }
}
