export { type Database, type DatabaseOptions, openDatabase } from "./database.ts";
export {
  ConnectionStateChanged,
  DatabaseBusy,
  DatabaseUnavailable,
  OutcomeUnknown,
  TransactionLost,
} from "./errors.ts";
export { type LazyTransaction, type LazyTransactionOptions, lazyTransaction } from "./lazy-transaction.ts";
export type { DatabaseStats } from "./scheduler.ts";
