import type { Statement } from "./statement.ts";
import { codeOf } from "./wire/problem.ts";
import type { Shape } from "./wire/rows.ts";
import type { Encoded } from "./wire/writer.ts";

/** What a connection knows of a statement that it has prepared. */
export interface Prepared {
  /** The columns are known; they cannot change while the prepared statement lives. */
  described: boolean;
  /** How its rows are read; undefined for a statement that returns none. */
  shape: Shape | undefined;
  usedAt: number;
}

/** One statement on its way. */
export interface Call {
  readonly statement: Statement;
  readonly values: readonly Encoded[];
  /** One list of rows for each caller that asked for this; a row is made anew for each list. */
  readonly lists: unknown[][];
  /** PostgreSQL's command tag once it is done, such as `INSERT 0 1`. */
  tag: string;
  prepared: Prepared | undefined;
  shape: Shape | undefined;
}

export function callOf(statement: Statement, values: readonly Encoded[] = []): Call {
  return { statement, values, lists: [[]], tag: "", prepared: undefined, shape: undefined };
}

/** As if it had never been sent. */
export function resetCall(call: Call): void {
  call.tag = "";
  for (const list of call.lists) list.length = 0;
}

/** The rows of the first caller. */
export function rowsOf(call: Call): unknown[] {
  return call.lists[0] ?? [];
}

/** State of the connection's transaction after an exchange: idle, in a transaction, in a failed one. */
export type Status = "I" | "T" | "E";

/** Statements that are sent together and answered together: an error in one skips those behind it. */
export interface Exchange {
  readonly calls: readonly Call[];
  /** Whether it may wait for a lock that somebody holds; then nothing is sent behind it that could run elsewhere. */
  readonly mayWait: boolean;
  /** Whether the answers are wanted as soon as they are there, before the commit that ends the exchange and may take long. */
  readonly early?: boolean;
  /** Called when `early` answers are all there: it holds all locks that it needs, so that other writes may be sent behind it. */
  committing?(): void;
  /** Handed to the operating system: from now on the server may have executed it. */
  sent: boolean;
  /** Called once, with what went wrong and where the connection stands. */
  end(error: Error | undefined, status: Status): void;
}

/** The connection broke while an exchange was under way. */
export class LinkLost extends Error {
  /** Code of the server's last word, such as 57P01, if it had one. */
  readonly code: string | undefined;
  /** False when it is certain that nothing of the exchange was executed. */
  readonly mayHaveRun: boolean;

  constructor(cause: Error | undefined, mayHaveRun: boolean) {
    super(cause?.message ?? "the connection to the database broke", { cause });
    this.code = codeOf(cause);
    this.mayHaveRun = mayHaveRun;
  }
}

/** The server committed, and was told to stop waiting before the standbys had it: a failover may still lose it. */
export class NotReplicated extends Error {
  constructor() {
    super("the server stopped waiting for its standbys to confirm the commit");
  }
}

/**
 * The server would not run a prepared statement, because the schema changed under it or because it was told to forget
 * it. Nothing was executed, and prepared anew it runs.
 */
export function isStale(error: unknown): boolean {
  const { code, routine } = error as { code?: string; routine?: string };
  return code === "26000" || (code === "0A000" && routine === "RevalidateCachedQuery");
}
