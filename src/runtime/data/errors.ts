import { NinefoldError } from "../../topology/problem.ts";

const AT = "database";

/** A request that ran into it should be answered 503: frameworks read the status and the headers off the error. */
class PassingTrouble extends NinefoldError {
  readonly statusCode = 503;
  readonly headers: Readonly<Record<string, string>> = { "retry-after": "1" };
}

/** More work waits for the database than can be done in time. Nothing was executed. Answered 503 with `Retry-After`. */
export class DatabaseBusy extends PassingTrouble {
  constructor(says: string) {
    super("database-busy", {
      at: AT,
      says,
      fix: "Try again later; if it lasts, give the service more connections or find its slow statements",
    });
  }
}

/** The database could not be reached within `holdMs`. Nothing was executed. Answered 503 with `Retry-After`. */
export class DatabaseUnavailable extends PassingTrouble {
  constructor(says: string, options?: ErrorOptions) {
    super("database-unavailable", { at: AT, says, fix: "See `ninefold status` and the database's log" }, options);
  }
}

/** The same, because the database is being moved and the move did not end in time. */
export class DatabaseMoving extends DatabaseUnavailable {
  constructor(withinMs: number, options?: ErrorOptions) {
    super(`the move of the database did not end within ${withinMs} ms`, options);
  }
}

/**
 * The connection broke after a write or a commit was sent and before it was answered, and what became of it cannot be
 * known: it may have been applied. Never retried by Ninefold. Answered 503.
 */
export class OutcomeUnknown extends PassingTrouble {
  override readonly headers = { "retry-after": "1", "ninefold-outcome": "unknown" };

  constructor(says: string, options?: ErrorOptions) {
    super(
      "outcome-unknown",
      { at: AT, says, fix: "Look whether the change is there before sending it again" },
      options,
    );
  }
}

/**
 * A write was committed, and the connection broke before its answer was there: what it returned is lost. Answered 503,
 * but sending the write again would make it twice.
 */
export class AnswerLost extends PassingTrouble {
  override readonly headers = { "retry-after": "1", "ninefold-outcome": "committed" };

  constructor(options?: ErrorOptions) {
    const says = "a write was committed, and the connection broke before its answer was there";
    super("answer-lost", { at: AT, says, fix: "Read what it wrote; do not send it again" }, options);
  }
}

/**
 * The connection of an open transaction broke, or its database was moved, so the transaction was rolled back. A transaction given as a function
 * is run again instead; one that is controlled by hand, or has run into this too often, ends with this error.
 */
export class TransactionLost extends PassingTrouble {
  constructor(says: string, options?: ErrorOptions) {
    super("transaction-lost", { at: AT, says, fix: "Nothing of it was applied; run the transaction again" }, options);
  }
}

/** A statement that begins or ends a transaction, or changes its connection, was sent outside of a connection of its own. */
export class ConnectionStateChanged extends NinefoldError {
  constructor(text: string) {
    super("connection-state-changed", {
      at: AT,
      says: `\`${text.slice(0, 80)}\` changes the state of a connection that others share, and was undone`,
      fix: "Use `db.transaction()`, or `db.connection()` for settings of one's own",
    });
  }
}

/** Whether an error, or what caused it, comes from a move of the database: nothing was applied, and it will pass. */
export function isFromMove(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof DatabaseMoving) return true;
    if (at instanceof TransactionLost && (at.cause as { code?: unknown } | undefined)?.code === "42501") return true;
  }
  return false;
}
