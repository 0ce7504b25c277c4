import type { Logger } from "pino";
import type { InstanceConfig } from "../../topology/instance-config.ts";
import { loadMigrations } from "../data/migration-files.ts";
import { knownJobs } from "../jobs/index.ts";
import { loadService } from "../load.ts";

/** What a service declares, as `inspect` prints it. */
export interface Inspected {
  readonly ok: true;
  readonly name: string;
  readonly tables: object;
  readonly jobs: readonly string[];
  readonly migrations: readonly string[];
  /** Absolute folder of the static files inside the release, or null. */
  readonly assets: string | null;
}

/** Loads the service module and says what it declares. Needs no database. @throws BadService, BadJobDefinition, MigrationBroken */
export async function inspect(config: InstanceConfig, log: Logger): Promise<Inspected> {
  log.info({ service: config.service }, "loading");
  const { service, migrations, assets } = await loadService(config.service);
  const { name, tables = {}, jobs = {} } = service.definition;
  return {
    ok: true,
    name,
    tables,
    jobs: [...knownJobs(jobs).keys()],
    migrations: migrations === undefined ? [] : (await loadMigrations(migrations)).map((migration) => migration.name),
    assets: assets?.folder ?? null,
  };
}
