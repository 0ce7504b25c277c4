import type { Client } from "pg";
import { scramVerifier } from "../postgres/scram.ts";
import { passwordsFile } from "../secrets.ts";

/** Begins and ends backups. Reads no rows, and owns nothing. */
export const BACKUP_ROLE = "ninefold_backup";

/** @throws BadPasswords */
export async function backupPassword(path: string): Promise<string> {
  return (await passwordsFile(path, [BACKUP_ROLE], "the password of backups"))[BACKUP_ROLE];
}

/** Makes the role be as it should, on a primary, in the database `postgres`; with the rights that pgBackRest's manual names. */
export async function prepareBackupRole(client: Client, password: string): Promise<void> {
  for (const statement of [
    `do $$ begin create role ${BACKUP_ROLE} nologin; exception when duplicate_object then null; end $$`,
    `alter role ${BACKUP_ROLE} with login nosuperuser nocreatedb nocreaterole noreplication nobypassrls inherit
       connection limit 5 password '${scramVerifier(password)}'`,
    `grant pg_read_all_settings, pg_checkpoint to ${BACKUP_ROLE}`,
    `grant execute on function pg_backup_start(text, boolean), pg_backup_stop(boolean), pg_switch_wal(),
       pg_create_restore_point(text) to ${BACKUP_ROLE}`,
  ])
    await client.query(statement);
}
