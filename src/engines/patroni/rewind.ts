import type { Client } from "pg";
import { REWIND_ROLE } from "./passwords.ts";

/** Rights that pg_rewind needs at its source (manual of pg_rewind, "Notes"). Patroni gives them only where it founds a cluster with rewinding on. */
const RIGHTS = [
  "pg_ls_dir(text, boolean, boolean)",
  "pg_stat_file(text, boolean)",
  "pg_read_binary_file(text)",
  "pg_read_binary_file(text, bigint, bigint, boolean)",
];

/**
 * Lets a member that led once read what it must have to follow again. On the primary; safe to run again. Writes only what is
 * missing: a write may have to wait for standbys.
 */
export async function grantRewind(client: Client): Promise<void> {
  const { rows } = await client.query<{ missing: string }>(
    "select missing from unnest($1::text[]) missing where not has_function_privilege($2, 'pg_catalog.' || missing, 'execute')",
    [RIGHTS, REWIND_ROLE],
  );
  for (const { missing } of rows) {
    await client.query(`grant execute on function pg_catalog.${missing} to ${REWIND_ROLE}`);
  }
}
