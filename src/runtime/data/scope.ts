import type { DatabaseConnection, TransactionSettings } from "kysely";

/** A connection on which transactions can be made: a lease of its own, or a place inside of a transaction. */
export interface TransactionScope extends DatabaseConnection {
  begin(settings: TransactionSettings): void | Promise<void>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
  /** The transaction has gone back to a savepoint. */
  recovered(): void;
}
