import { OWNER_ROLE, SERVICE_ROLE } from "../../topology/roles.ts";
import { passwordsFile } from "../secrets.ts";

export { BadPasswords } from "../secrets.ts";

/** The database's superuser; used by the control plane only. */
export const SUPERUSER = "postgres";

const ROLES = [SUPERUSER, OWNER_ROLE, SERVICE_ROLE] as const;

/** Password of each role of a database cluster. */
export type DatabasePasswords = Record<(typeof ROLES)[number], string>;

/**
 * Passwords of a database cluster, from a JSON file of mode 0600; made, at random, when it is not there. Two that make
 * it at once get the same ones.
 * @throws BadPasswords
 */
export function databasePasswords(path: string): Promise<DatabasePasswords> {
  return passwordsFile(path, ROLES, "database passwords");
}
