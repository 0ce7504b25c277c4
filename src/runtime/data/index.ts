export { type Database, type DatabaseOptions, openDatabase } from "./database.ts";
export {
  AnswerLost,
  ConnectionStateChanged,
  DatabaseBusy,
  DatabaseUnavailable,
  isFromMove,
  OutcomeUnknown,
  TransactionLost,
} from "./errors.ts";
export { type LazyTransaction, type LazyTransactionOptions, lazyTransaction } from "./lazy-transaction.ts";
export { type MigrateOptions, type MigrationState, migrate, pendingMigrations } from "./migrate.ts";
export {
  MigrationBroken,
  MigrationFailed,
  MigrationLate,
  MigrationOutOfOrder,
  MigrationsUnknown,
} from "./migration-errors.ts";
export type { Within } from "./rehearsal.ts";
export type { DatabaseStats } from "./scheduler-options.ts";
export { checkTableFacts } from "./table-facts.ts";
