import { passwordsFile } from "../secrets.ts";

/** Streams the log to standbys. */
export const REPLICATION_ROLE = "ninefold_replication";
/** Reads the files that pg_rewind compares; no superuser. */
export const REWIND_ROLE = "ninefold_rewind";
/** Signs in to Patroni's REST API for what changes something. */
export const REST_USER = "ninefold";

/**
 * Passwords of Patroni's own users, the same for all members of a cluster; made, at random, when the file is not there.
 * @throws BadPasswords
 */
export function patroniPasswords(
  path: string,
): Promise<Record<typeof REPLICATION_ROLE | typeof REWIND_ROLE | typeof REST_USER, string>> {
  return passwordsFile(path, [REPLICATION_ROLE, REWIND_ROLE, REST_USER], "passwords of Patroni's users");
}
