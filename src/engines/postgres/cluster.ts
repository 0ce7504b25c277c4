import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Machine } from "../../machine/machine.ts";
import type { Placed } from "../engine.ts";
import { pgHbaConf, postgresqlConf } from "./config.ts";
import { databasePasswords, SUPERUSER } from "./passwords.ts";
import { prepareRoles } from "./prepare.ts";
import { DiskFull, isDiskFull, PostgresFailed } from "./problem.ts";
import { scramVerifier } from "./scram.ts";
import { initScript, startScript } from "./scripts.ts";
import type { PostgresSpec } from "./spec.ts";

const INIT_MS = 120_000;

/** Configuration files and scripts of one server, by path inside its folder. */
export function postgresFiles(instance: Placed<PostgresSpec>): ReadonlyMap<string, string> {
  return new Map([
    ["postgresql.conf", postgresqlConf(instance)],
    ["pg_hba.conf", pgHbaConf(instance)],
    ["init.sh", initScript(instance)],
    ["start.sh", startScript(instance)],
  ]);
}

/**
 * Writes the instance's files, and makes its data folder if there is none. Safe to run again, whatever cut a first try short,
 * and by two at once.
 * The passwords are made, too, if there are none.
 * @throws DiskFull, PostgresFailed, BadPasswords
 */
export async function initCluster(machine: Machine, instance: Placed<PostgresSpec>): Promise<void> {
  const { name, spec, folder } = instance;
  const passwords = await databasePasswords(spec.secrets);
  const files = new Map([...postgresFiles(instance), ["password", scramVerifier(passwords[SUPERUSER])]]);
  await machine.write(name, files, "engine");
  const init = {
    file: "/bin/sh",
    args: ["init.sh"],
    env: {},
    cwd: folder,
    user: "engine",
    stop: { signal: "SIGTERM", withinMs: 0 },
  } as const;
  const { code, stderr } = await machine.run(name, init, { ms: INIT_MS });
  if (code === 0) return rm(join(folder, "password"), { force: true });
  if (isDiskFull(stderr)) throw new DiskFull(folder);
  throw new PostgresFailed(folder, `initdb ended with code ${code}: ${stderr.trim().slice(-1000)}`);
}

/**
 * Makes the roles and the service's database of a running server be as they should. Safe to run again at any time.
 * @throws DiskFull, PostgresFailed
 */
export async function prepareDatabase({ spec, sockets, folder }: Placed<PostgresSpec>): Promise<void> {
  const passwords = await databasePasswords(spec.secrets);
  try {
    await prepareRoles({ host: sockets, port: spec.port }, spec.database, passwords);
  } catch (cause) {
    if (isDiskFull(cause)) throw new DiskFull(folder);
    throw new PostgresFailed(folder, `cannot prepare the database: ${(cause as Error).message}`, undefined, { cause });
  }
}
