import { existsSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import type { Logger } from "pino";
import { SERVICE_ROLE } from "../../topology/roles.ts";
import { checkTableFacts, migrate, openDatabase } from "../data/index.ts";
import type { Instance } from "../instance.ts";
import { installJobs } from "../jobs/index.ts";
import { databaseAnswersWithin } from "../life.ts";
import { BadService, loadService } from "../load.ts";
import { servesNow } from "../priority.ts";
import { inspect } from "./inspect.ts";

/** A database that has no primary for now is waited for no longer than this; milliseconds. */
const LONGEST_SEARCH_MS = 60_000;
/** Whether to begin is looked for this often, in milliseconds. */
const LOOK_MS = 10;

/** What `migrate` did, as it prints it: names of the migrations that ran now. */
export interface Migrated {
  readonly ok: true;
  readonly applied: readonly string[];
}

/**
 * Brings the database to what the release needs: the queue's schema, the service's migrations, and the check that the table
 * facts hold. Signs in as the owner of the schema. Safe to run again, and while the old release serves.
 * @throws BadService for a fact that does not hold; DatabaseUnavailable; the errors of runtime/data for a migration
 */
export async function migrateService(instance: Instance, log: Logger): Promise<Migrated> {
  const { config, secrets, endpoints } = instance;
  if (config.ahead !== undefined) {
    await writeWhole(config.ahead.inspected, await inspect(config, log));
    // Whoever asked ends this process when there is nothing to begin with any more.
    while (!existsSync(config.ahead.begin)) await pause(LOOK_MS);
  } else log.info({ service: config.service }, "loading");
  const { service, migrations } = await loadService(config.service);
  const to = { endpoints, credentials: secrets.database, log };

  const database = openDatabase<unknown>({
    ...to,
    ...config.database,
    connections: 1,
    parseRaw: false,
    applicationName: config.instance,
  });
  try {
    await databaseAnswersWithin(database, LONGEST_SEARCH_MS);
    servesNow(); // those that serve wait for the locks of a migration
    const primary = database.scheduler.address;
    const [{ applied }] = await Promise.all([
      migrations === undefined ? { applied: [] } : migrate({ ...to, folder: migrations }),
      installJobs({ ownerConnection: { ...primary, ...secrets.database }, serviceRole: SERVICE_ROLE }),
    ]);
    const [problem, ...more] = await checkTableFacts(database.db, service.definition.tables ?? {});
    if (problem !== undefined) throw new BadService([problem, ...more]);
    return { ok: true, applied };
  } finally {
    await database.close();
  }
}

/** Whoever finds the file finds all of it. */
async function writeWhole(path: string, content: object): Promise<void> {
  await writeFile(`${path}.new`, JSON.stringify(content), { mode: 0o600 });
  await rename(`${path}.new`, path);
}
