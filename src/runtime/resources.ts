import type { Kysely } from "kysely";
import type { Logger } from "pino";
import type { Instance } from "./instance.ts";
import { createJobs, knownJobs } from "./jobs/index.ts";
import { secretsFrom } from "./secret.ts";
import type { Resources, Service } from "./service.ts";

/** What the service's `http` is given to work with. @throws BadJobDefinition */
export function resourcesFor(
  service: Service,
  instance: Instance,
  db: Kysely<unknown>,
  log: Logger,
): Resources<unknown> {
  return {
    db,
    jobs: createJobs({ db, jobs: knownJobs(service.definition.jobs ?? {}) }),
    log,
    folder: instance.config.folder,
    secret: secretsFrom(instance.secrets.serviceKey),
  };
}
