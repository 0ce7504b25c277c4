export { repositoryOf } from "./config.ts";
export { type Backup, backupsOf } from "./info.ts";
export { ArchivingFails, BackupUnderWay, PgbackrestFailed, RepositoryDamaged, RepositoryFull } from "./problem.ts";
export {
  archivingSince,
  type BackupsSpec,
  switchArchivingOff,
  switchArchivingOn,
  writeBackups,
} from "./repository.ts";
export { restoreInto, type Target } from "./restore.ts";
export { backupPassword, prepareBackupRole } from "./role.ts";
export { pgbackrest } from "./run.ts";
export { verifyRepository } from "./verify.ts";
