import type { Machine } from "../../machine/machine.ts";
import type { Placed } from "../engine.ts";
import { ETCD_PATRONI, etcdPasswords } from "../etcd/passwords.ts";
import { archiveFiles } from "../pgbackrest/archive.ts";
import { databasePasswords, SUPERUSER } from "../postgres/passwords.ts";
import { prepareRoles } from "../postgres/prepare.ts";
import { DiskFull, isDiskFull } from "../postgres/problem.ts";
import { patroniYml, secretsYml } from "./config.ts";
import { LAUNCHER } from "./launcher.ts";
import { patroniPasswords, REPLICATION_ROLE, REST_USER, REWIND_ROLE } from "./passwords.ts";
import { PatroniFailed } from "./problem.ts";
import { postgresScript, REAPER, readyScript, startScript, stopScript } from "./scripts.ts";
import type { PatroniSpec } from "./spec.ts";

const STOP_MS = 70_000;

/** Configuration and scripts of one member, by path inside its folder; the secrets are written beside them. */
export function patroniFiles(instance: Placed<PatroniSpec>): ReadonlyMap<string, string> {
  return new Map([
    ["config/1-patroni.yml", patroniYml(instance)],
    ["start.sh", startScript(instance)],
    ["stop.sh", stopScript(instance)],
    ["reaper.py", REAPER],
    ["launch.py", LAUNCHER],
    ...archiveFiles(instance),
    ["postgres.sh", postgresScript(instance)],
    ["pg_isready.sh", readyScript(instance)],
  ]);
}

/** The one file with passwords, by its path inside the instance's folder. Makes passwords that are missing. */
export async function patroniSecrets({ spec }: Placed<PatroniSpec>): Promise<ReadonlyMap<string, string>> {
  const [database, patroni, etcd] = await Promise.all([
    databasePasswords(spec.secrets),
    patroniPasswords(spec.patroniSecrets),
    etcdPasswords(spec.etcdSecrets),
  ]);
  const text = secretsYml({
    etcd: etcd[ETCD_PATRONI],
    rest: patroni[REST_USER],
    superuser: database[SUPERUSER],
    replication: patroni[REPLICATION_ROLE],
    rewind: patroni[REWIND_ROLE],
  });
  return new Map([["config/2-secrets.yml", text]]);
}

/**
 * Writes the file with the passwords that Patroni needs, mode 0600. Safe to run again.
 * @throws BadPasswords
 */
export async function writePatroniSecrets(machine: Machine, instance: Placed<PatroniSpec>): Promise<void> {
  await machine.write(instance.name, await patroniSecrets(instance), "engine");
}

/**
 * Makes the roles and the service's database of a running primary be as they should. Safe to run again at any time.
 * @throws DiskFull, PatroniFailed
 */
export async function preparePatroniDatabase({ spec, folder }: Placed<PatroniSpec>): Promise<void> {
  const passwords = await databasePasswords(spec.secrets);
  try {
    await prepareRoles({ host: spec.address, port: spec.port }, spec.database, passwords);
  } catch (cause) {
    if (isDiskFull(cause)) throw new DiskFull(folder);
    throw new PatroniFailed(folder, `cannot prepare the database: ${(cause as Error).message}`, { cause });
  }
}

/**
 * Ends Patroni, and PostgreSQL with it, even where Patroni was killed and left PostgreSQL running. Safe when neither is there.
 * @throws PatroniFailed
 */
export async function stopPatroni(machine: Machine, { name, spec, folder }: Placed<PatroniSpec>): Promise<void> {
  await machine.stop(name);
  const stop = {
    file: "/bin/sh",
    args: ["-c", "if [ -e stop.sh ]; then exec sh stop.sh; fi"],
    env: { LC_ALL: "C" },
    cwd: folder,
    user: "engine",
    stop: { signal: "SIGTERM", withinMs: 0 },
  } as const;
  const { code, stderr } = await machine.run(name, stop, { ms: STOP_MS });
  if (code === 0) return;
  throw new PatroniFailed(folder, `PostgreSQL on port ${spec.port} does not stop: ${stderr.trim().slice(-1000)}`);
}
