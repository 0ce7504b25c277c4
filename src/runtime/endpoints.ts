import type { Logger } from "pino";
import type { DatabaseAddress, Endpoints } from "../topology/endpoints.ts";
import { NinefoldError } from "../topology/problem.ts";
import type { EndpointsHolder } from "./http/private.ts";

/** The endpoints an instance has do not name what it needs. */
export class BadEndpoints extends NinefoldError {
  constructor(at: string, says: string) {
    super("bad-endpoints", { at, says, fix: "Let `ninefold up` write them anew" });
  }
}

/** Where the main cluster takes writes. @throws BadEndpoints */
export function primaryOf(endpoints: Endpoints): DatabaseAddress {
  const main = endpoints.clusters.main;
  if (main === undefined) throw new BadEndpoints("endpoints.clusters.main", "they name no cluster `main`");
  return main.primary;
}

/** Holds the endpoints of an instance, and hands newer ones to who uses them. */
export function endpointsHolder(
  first: Endpoints,
  log: Logger,
): EndpointsHolder & { onReplace(use: (next: Endpoints) => void): void } {
  let current = first;
  const users: Array<(next: Endpoints) => void> = [];
  return {
    current: () => current,
    replace(next) {
      for (const use of users) use(next);
      current = next;
      log.info({ epoch: next.epoch }, "new endpoints");
    },
    onReplace: (use) => void users.push(use),
  };
}
