import { readFile } from "node:fs/promises";
import type { Logger } from "pino";
import { Endpoints } from "../topology/endpoints.ts";
import type { EndpointsHolder } from "./http/private.ts";

export interface HeldEndpoints extends EndpointsHolder {
  onReplace(use: (next: Endpoints) => void): void;
  /**
   * Reads the file again, for when the database is fenced or away: the control plane may have written it and died before
   * it told us. Takes what is newer and of the same deployment; anything else, also a file that cannot be read, changes nothing.
   */
  reread(): Promise<void>;
}

/**
 * Holds the endpoints of an instance, and hands newer ones to who uses them. The epoch never goes back.
 * @param file where the control plane keeps them
 */
export function endpointsHolder(first: Endpoints, file: string, log: Logger): HeldEndpoints {
  let current = first;
  let reading: Promise<void> | undefined;
  const users: Array<(next: Endpoints) => void> = [];

  const replace = (next: Endpoints) => {
    if (next.epoch <= current.epoch || next.deployment !== current.deployment) return;
    for (const use of users) use(next);
    current = next;
    log.info({ epoch: next.epoch }, "new endpoints");
  };
  const read = async () => {
    try {
      const parsed = Endpoints.safeParse(JSON.parse(await readFile(file, "utf8")));
      if (parsed.success) replace(parsed.data);
    } catch (err) {
      log.debug({ err }, "the endpoints file could not be read; it is tried again");
    }
  };
  return {
    current: () => current,
    replace,
    onReplace: (use) => void users.push(use),
    reread: () => {
      reading ??= read().finally(() => {
        reading = undefined;
      });
      return reading;
    },
  };
}
