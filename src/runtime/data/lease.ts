import { AbortedTransactionError, type CompiledQuery, type QueryResult, type TransactionSettings } from "kysely";
import type { Session } from "../session/index.ts";
import { AnswerLost, DatabaseMoving, DatabaseUnavailable, OutcomeUnknown, TransactionLost } from "./errors.ts";
import { type Call, callOf, isStale, LinkLost, NotReplicated, resetCall, rowsOf, type Status } from "./exchange.ts";
import { type Denial, isDenied } from "./fence.ts";
import type { Link } from "./link.ts";
import { type Began, lookUpOutcome } from "./outcome.ts";
import type { OutcomeRow } from "./outcome-rows.ts";
import { resultOf } from "./result.ts";
import type { Scheduler } from "./scheduler.ts";
import type { TransactionScope } from "./scope.ts";
import { ownStatement, type Statement } from "./statement.ts";
import { streamRows } from "./stream.ts";
import { isNotVisible } from "./visibility.ts";
import { codeOf } from "./wire/problem.ts";
import { encodeValues } from "./wire/values.ts";

const COMMIT = ownStatement("commit", "commit", "unknown");
const ROLLBACK = ownStatement("rollback", "rollback", "unknown");
const XID = ownStatement("select pg_current_xact_id_if_assigned()::text as xid", "xid", "read");
const BEGINS = new Map<string, Statement>();

/** Why running a transaction again may help. */
export type Failure = "lost" | "conflict" | "stale" | "fenced" | "denied";

/**
 * A connection for one caller alone, taken at its first statement: for a transaction, whose BEGIN goes out together with
 * that statement, or for a caller that wants a connection of its own.
 */
export class Lease implements TransactionScope {
  readonly #scheduler: Scheduler;
  #link: Link | undefined;
  /** What goes out before the next statement, in one exchange with it: if it fails, the statement is not executed. */
  #opening: readonly Call[] | undefined;
  #inTransaction = false;
  #status: Status = "I";
  /** Set once nothing more can be done in this transaction. */
  #over: Error | undefined;
  #failure: Failure | undefined;
  /** Number of the transaction, once it has written. */
  #xid: bigint | undefined;
  #wrote = false;
  #usedOutside = false;
  #released = false;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** BEGIN was executed. */
  get begun(): boolean {
    return this.#status !== "I";
  }

  /** A transaction is open, whether or not anything of it was sent. */
  get inTransaction(): boolean {
    return this.#inTransaction;
  }

  /** The next statement has a chance. */
  get usable(): boolean {
    return this.#over === undefined && this.#status !== "E";
  }

  /** Why running the transaction again may help, if it may. */
  get failure(): Failure | undefined {
    return this.#failure;
  }

  async executeQuery<R>(compiled: CompiledQuery): Promise<QueryResult<R>> {
    const call = callOf(this.#scheduler.statements.of(compiled), encodeValues(compiled.parameters));
    await this.perform(call);
    return resultOf(call.tag, rowsOf(call));
  }

  streamQuery<R>(compiled: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    return streamRows(this, compiled, chunkSize);
  }

  /** @param prologue statements that are executed behind BEGIN, before the first of the caller */
  begin(settings: TransactionSettings, prologue: readonly Call[] = []): void {
    this.#opening = [callOf(beginStatement(settings)), ...prologue];
    this.#inTransaction = true;
    this.#over = undefined;
    this.#failure = undefined;
    this.#xid = undefined;
    this.#wrote = false;
  }

  /** Executes one statement, and what must go before it. */
  async perform(call: Call): Promise<void> {
    if (this.#over !== undefined) throw this.#over;
    if (this.#released) throw new TransactionLost("its connection was given back already");
    if (this.#opening !== undefined && call.statement.simple) await this.#open([]);
    if (this.#opening !== undefined) await this.#open([call]);
    else await this.#insist([call], !this.#inTransaction && !this.#usedOutside);
  }

  /** @throws AbortedTransactionError when a failed statement had made the server roll back */
  async commit(): Promise<void> {
    if (this.#opening !== undefined) {
      this.#opening = undefined; // nothing was executed, so there is nothing to commit
      this.#inTransaction = false;
      return;
    }
    if (this.#over !== undefined) throw this.#over;
    const link = this.#link;
    if (link === undefined) return;
    const session = this.#scheduler.positions.session(this.#wrote);
    const call = callOf(COMMIT);
    const began = this.#scheduler.identity(link);
    // In the same exchange as COMMIT, so that no savepoint takes it back.
    const row = this.#xid === undefined || this.#status !== "T" ? undefined : this.#scheduler.outcomes.next(began);
    const committed = this.#send(link, row === undefined ? [call] : [row.call, call]);
    if (session !== undefined) await new Promise<void>((done) => this.#scheduler.positions.learn(link, session, done));
    const error = await committed;
    this.#inTransaction = false;
    if (error instanceof LinkLost || error instanceof NotReplicated) {
      const at = began === undefined ? undefined : { address: link.address, identity: began };
      return this.#openAtCommit(error, await this.#outcome(error, row, at, session));
    }
    if (error !== undefined) throw error;
    if (call.tag === "ROLLBACK") throw new AbortedTransactionError();
  }

  /** Never fails: a connection that is gone has rolled back, too. */
  async rollback(): Promise<void> {
    this.#opening = undefined;
    this.#inTransaction = false;
    const link = this.#link;
    if (link === undefined || this.#over !== undefined || !this.begun) return;
    const rolledBack = this.#send(link, [callOf(ROLLBACK)]);
    const session = this.#scheduler.positions.session(false); // what it has read, it must also find on a standby
    if (session !== undefined) await new Promise<void>((done) => this.#scheduler.positions.learn(link, session, done));
    await rolledBack;
  }

  /** A failure that was undone by going back to a savepoint is no longer one. */
  recovered(): void {
    this.#failure = undefined;
  }

  release(): void {
    const link = this.#link;
    this.#released = true;
    this.#link = undefined;
    if (link === undefined) return;
    if (this.begun) this.#scheduler.restore(link);
    this.#scheduler.release(link, this.#usedOutside);
  }

  async #take(): Promise<Link> {
    const link = await this.#scheduler.reserve();
    if (!this.#released) return link;
    this.#scheduler.release(link, false);
    throw new TransactionLost("its caller gave up while it waited for a connection");
  }

  async #open(calls: readonly Call[]): Promise<void> {
    const opening = this.#opening ?? [];
    this.#opening = undefined;
    await this.#insist([...opening, ...calls], true);
  }

  /**
   * Sends until something else than a fence answers: on another connection each time, so only while the caller has done
   * nothing that this would lose. Later, a transaction must be run again.
   */
  async #insist(calls: Call[], fresh: boolean): Promise<void> {
    const { holdMs } = this.#scheduler;
    let until: number | undefined;
    let guardedSince: number | undefined;
    for (let denied = false; ; ) {
      const link = this.#link ?? (await this.#take());
      this.#link = link;
      const session = fresh ? this.#scheduler.positions.session(true) : undefined;
      const error = await this.#guarded(link, this.#scheduler.positions.guard(link, session), calls);
      if (error === undefined) return;
      if (session !== undefined && isNotVisible(error)) {
        guardedSince ??= performance.now();
        await this.#leave(link);
        await this.#scheduler.positions.settle(session, error, guardedSince);
        for (const call of calls) resetCall(call);
        continue;
      }
      const why = isDenied(error) ? await this.#scheduler.whyDenied(link.address) : undefined;
      if (why === undefined || (why === "denied" && denied)) throw error;
      if (this.#link !== link) throw new TransactionLost("its caller gave up while its database was moved");
      if (!fresh) throw this.#deniedMidway(why, error);
      until ??= performance.now() + holdMs;
      if (performance.now() > until) throw new DatabaseMoving(holdMs, { cause: error });
      denied = why === "denied"; // a fence may have gone before we looked: once more
      await this.#leave(link);
      for (const call of calls) resetCall(call);
    }
  }

  async #guarded(link: Link, guard: Call | undefined, calls: Call[]): Promise<Error | undefined> {
    if (guard === undefined) return this.#exchange(link, calls);
    if (!calls.some(isSimple)) return this.#exchange(link, withGuard(guard, calls));
    return (await this.#exchange(link, [guard])) ?? (await this.#exchange(link, calls));
  }

  #deniedMidway(why: Denial, error: Error): Error {
    this.#failure = why === "denied" ? "denied" : "fenced";
    if (why === "denied") return error;
    const says = "the database was moved to another place under it";
    return this.#inTransaction
      ? new TransactionLost(says, { cause: error })
      : new DatabaseUnavailable(`the caller's own connection is of no more use: ${says}`, { cause: error });
  }

  /** Gives the connection back, for another. */
  async #leave(link: Link): Promise<void> {
    if (this.begun) await this.#send(link, [callOf(ROLLBACK)]);
    this.#failure = undefined;
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#scheduler.release(link, this.#usedOutside);
  }

  /** Gives what went wrong with the statements; throws when nothing more can be done in this transaction. */
  async #exchange(link: Link, calls: Call[]): Promise<Error | undefined> {
    const inTransaction = this.#inTransaction;
    if (!inTransaction) this.#usedOutside = true;
    const writes = calls.some(({ statement }) => statement.kind !== "read" && !isBegin(statement));
    this.#wrote ||= writes;
    // The number must be known before COMMIT is sent, and is asked for behind the first write, so that it costs no trip.
    const number =
      writes && inTransaction && this.#xid === undefined && !calls.some(isSimple) ? callOf(XID) : undefined;
    const atomic = !inTransaction && calls.at(-1)?.statement.atomic === true;
    const row = writes && atomic ? this.#scheduler.outcomes.next(this.#scheduler.identity(link)) : undefined;
    const behind = number ?? row?.call;
    const error = await this.#send(link, behind === undefined ? calls : [...calls, behind], row !== undefined);
    const known = number === undefined ? undefined : (rowsOf(number)[0] as { xid: string | null } | undefined);
    if (known?.xid != null) this.#xid = BigInt(known.xid);
    if (error instanceof LinkLost || error instanceof NotReplicated) {
      if (!inTransaction && writes) return this.#openOutside(error, row, calls);
      if (error instanceof LinkLost) throw this.#lost(error);
    }
    if (inTransaction && this.#status === "I") {
      this.#over = error ?? new TransactionLost("a statement in it ended it, and what follows would not belong to it");
    }
    if (error !== undefined) return error;
    if (this.#over !== undefined) throw this.#over;
    return undefined;
  }

  #send(link: Link, calls: readonly Call[], early = false): Promise<Error | undefined> {
    return new Promise((resolve) => {
      const end = (error: Error | undefined, status: Status) => {
        this.#status = status;
        if (error !== undefined) this.#failure = failureOf(error) ?? this.#failure;
        resolve(error);
      };
      this.#scheduler.send(link, { calls, mayWait: true, early, sent: false, end });
    });
  }

  #lost(error: LinkLost): Error {
    this.#over = this.#inTransaction
      ? new TransactionLost(`the connection broke: ${error.message}`, { cause: error })
      : new DatabaseUnavailable("the caller's own connection broke", { cause: error });
    this.#link = undefined;
    return this.#over;
  }

  /** A write on the caller's own connection was sent and not confirmed. Gives what went wrong with it, if anything did. */
  async #openOutside(error: LinkLost | NotReplicated, row: OutcomeRow | undefined, calls: readonly Call[]) {
    if (error instanceof LinkLost) {
      const lost = this.#lost(error);
      if (!error.mayHaveRun) throw lost;
    }
    const outcome =
      row === undefined
        ? "unknown"
        : await this.#scheduler.outcomes.lookUp(row, this.#scheduler.positions.session(true));
    if (outcome === "committed" && calls.every(({ tag }) => tag !== "")) return undefined;
    if (outcome === "committed") throw new AnswerLost({ cause: error });
    if (outcome === "unknown") throw new OutcomeUnknown("a write was sent and not confirmed", { cause: error });
    throw new TransactionLost("the connection broke under a statement, which was rolled back", { cause: error });
  }

  async #openAtCommit(error: Error, outcome: "committed" | "rolled back" | "unknown"): Promise<void> {
    if (error instanceof LinkLost) this.#link = undefined;
    const says = "a transaction's commit was sent and not confirmed";
    const unknown = new OutcomeUnknown(`${says}: ${error.message}`, { cause: error });
    this.#over = unknown;
    if (outcome === "committed") return;
    this.#failure = outcome === "rolled back" ? "lost" : undefined;
    if (outcome === "unknown") throw unknown;
    this.#over = new TransactionLost("the connection broke, and the server did not commit it", { cause: error });
    throw this.#over;
  }

  async #outcome(
    error: LinkLost | NotReplicated,
    row: OutcomeRow | undefined,
    began: Began | undefined,
    session: Session | undefined,
  ): Promise<"committed" | "rolled back" | "unknown"> {
    if (error instanceof LinkLost && !error.mayHaveRun) return "rolled back";
    if (row !== undefined) return this.#scheduler.outcomes.lookUp(row, session);
    if (this.#xid === undefined) return this.#wrote ? "unknown" : "committed";
    // A number proves nothing where another member may have become the primary, nor that the standbys have the commit.
    if (began === undefined || this.#scheduler.replicated || error instanceof NotReplicated) return "unknown";
    return lookUpOutcome(this.#scheduler, began, this.#xid, this.#scheduler.holdMs);
  }
}

function isSimple({ statement }: Call): boolean {
  return statement.simple;
}

/** Behind BEGIN, so that it sees with the transaction's eyes. */
function withGuard(guard: Call, calls: readonly Call[]): Call[] {
  const [first, ...others] = calls;
  return first !== undefined && isBegin(first.statement) ? [first, guard, ...others] : [guard, ...calls];
}

function isBegin(statement: Statement): boolean {
  return BEGINS.get(statement.text) === statement;
}

function beginStatement({ isolationLevel, accessMode }: TransactionSettings): Statement {
  const level = isolationLevel === undefined ? "" : ` isolation level ${isolationLevel}`;
  const text = `begin${level}${accessMode === undefined ? "" : ` ${accessMode}`}`;
  let statement = BEGINS.get(text);
  if (statement === undefined) {
    statement = ownStatement(text, `begin${BEGINS.size}`, "unknown");
    BEGINS.set(text, statement);
  }
  return statement;
}

/** The server ends an idle transaction with 25P03: run again it would only be idle again. */
function failureOf(error: Error): Failure | undefined {
  if (error instanceof LinkLost) return error.code === "25P03" ? undefined : "lost";
  if (isStale(error)) return "stale";
  const code = codeOf(error);
  return code === "40001" || code === "40P01" ? "conflict" : undefined;
}
