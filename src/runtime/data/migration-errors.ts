import { basename } from "node:path";
import pg from "pg";
import { NinefoldError } from "../../topology/problem.ts";

const place = (name: string) => `migrations/${name}`;

/** A file in the migrations folder is not a migration that can run. */
export class MigrationBroken extends NinefoldError {
  constructor(path: string, says: string, options?: ErrorOptions) {
    const fix = "Export `async function up(db)` from it, or move it out of the folder";
    super("migration-broken", { at: place(basename(path)), says, fix }, options);
  }
}

/** A migration failed and was rolled back; those before it stay, those behind it did not run. */
export class MigrationFailed extends NinefoldError {
  /** The migration's name. */
  readonly migration: string;

  constructor(migration: string, cause: unknown, transaction: boolean) {
    const fix = transaction
      ? "Nothing of it was kept. Correct it and run it again"
      : "It runs without a transaction, so what it did before the error is still there: undo that, correct it and run it again";
    super("migration-failed", { at: place(migration), says: describe(cause), fix }, { cause });
    this.migration = migration;
  }
}

/** A migration could not get its locks, or its turn, in time without holding up the service. */
export class MigrationLate extends NinefoldError {
  constructor(migration: string, says: string, options?: ErrorOptions) {
    const fix =
      "Nothing of it was kept. End the long transaction that is in its way (pg_stat_activity), and run it again";
    super("migration-late", { at: place(migration), says, fix }, options);
  }
}

/** The database has had migrations that this code does not know: it was made by newer code. */
export class MigrationsUnknown extends NinefoldError {
  constructor(names: readonly string[]) {
    super("migrations-unknown", {
      at: "migrations",
      says: `the database has migrations that this code does not know: ${names.join(", ")}`,
      fix: "Deploy the code that brought them, or newer; migrations only go forward",
    });
  }
}

/** A new migration has a name that sorts before one that has run already. */
export class MigrationOutOfOrder extends NinefoldError {
  constructor(name: string, last: string) {
    super("migration-out-of-order", {
      at: place(name),
      says: `it is new, but its name sorts before ${last}, which has run already`,
      fix: `Rename it so that it sorts behind ${last}`,
    });
  }
}

function describe(cause: unknown): string {
  if (!(cause instanceof pg.DatabaseError))
    return `it failed: ${cause instanceof Error ? cause.message : String(cause)}`;
  const { code, detail, hint, where } = cause;
  const more = [detail, hint, where].filter((text) => text !== undefined).join("; ");
  return `PostgreSQL refused it: ${cause.message} (${code})${more === "" ? "" : `; ${more}`}`;
}
