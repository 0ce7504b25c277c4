import type { QueryResult } from "kysely";
import type { DatabaseAddress } from "../../topology/endpoints.ts";
import type { Session } from "../session/index.ts";
import {
  AnswerLost,
  ConnectionStateChanged,
  DatabaseMoving,
  DatabaseUnavailable,
  OutcomeUnknown,
  TransactionLost,
} from "./errors.ts";
import {
  type Call,
  callOf,
  type Exchange,
  isStale,
  LinkLost,
  NotReplicated,
  resetCall,
  rowsOf,
  type Status,
} from "./exchange.ts";
import { type Denial, isDenied } from "./fence.ts";
import type { Identity } from "./identity.ts";
import type { Link } from "./link.ts";
import type { OutcomeRow, OutcomeRows } from "./outcome-rows.ts";
import { resultOf } from "./result.ts";
import type { Statement } from "./statement.ts";
import { codeOf } from "./wire/problem.ts";
import type { Encoded } from "./wire/writer.ts";

/** What a {@link Run} asks of the scheduler. */
export interface RunHost {
  /** Longest wait for a database that is away or being moved, milliseconds. */
  readonly holdMs: number;
  readonly outcomes: OutcomeRows;
  identity(link: Link): Identity | undefined;
  /** Puts it first in the queue again. */
  again(run: Run): void;
  /** Why the server at `place` has denied a statement. */
  whyDenied(place: DatabaseAddress): Promise<Denial>;
  /** The connection is free for other work. */
  freed(): void;
  /** The connection has only the end of a commit to wait for. */
  committing(): void;
  /** Brings a connection back to the state in which others expect it. */
  restore(link: Link): void;
}

interface Waiter {
  resolve(result: QueryResult<never>): void;
  reject(error: unknown): void;
}

const MOST_TRIES = 5;
const CONFLICTS = new Set(["40001", "40P01"]);

/** Command tags of what would change the connection for those who come after. */
const STATEFUL = /^(?:SET|RESET|LISTEN|UNLISTEN|PREPARE|LOAD)$/;

/** A statement outside of a transaction, from the call to its answer, over as many connections as it takes. */
export class Run implements Exchange {
  calls: readonly [Call, ...Call[]];
  readonly mayWait: boolean;
  /** When it was asked for, milliseconds of `performance.now()`; 0 until it had to wait. */
  since = 0;
  readonly order: number;
  sent = false;
  link: Link | undefined;
  readonly #host: RunHost;
  /** To be told the position of what this writes. */
  readonly session: Session | undefined;
  /** By which the outcome is found if the connection breaks. */
  #row: OutcomeRow | undefined;
  readonly #waiters: Waiter[] = [];
  /** When it was first found that what its session has seen is not visible here yet, milliseconds of `performance.now()`. */
  guardedSince: number | undefined;
  #tries = 0;
  #done = false;
  /** When a fence was first met, milliseconds of `performance.now()`; and whether it was denied without one. */
  #fencedAt: number | undefined;
  #denied = false;
  /** Position requests so far, and whether the last is not answered yet. */
  #positions = 0;
  #positionDue = false;
  #executing = false;
  /** Told how far the log had come before this was executed; undefined if this was not. */
  #passenger: ((row: unknown) => void) | undefined;

  constructor(host: RunHost, statement: Statement, values: readonly Encoded[], order: number, session?: Session) {
    this.calls = [callOf(statement, values)];
    this.mayWait = statement.kind !== "read";
    this.order = order;
    this.#host = host;
    this.session = session;
  }

  get statement(): Statement {
    return this.calls[0].statement;
  }

  /** So that the answer is here when the connection breaks in the commit. */
  get early(): boolean {
    return this.#row !== undefined;
  }

  /** On its way, and not answered yet. */
  get executing(): boolean {
    return this.#executing;
  }

  /** Whether its answer tells another one's position. */
  get carries(): boolean {
    return this.#passenger !== undefined;
  }

  /** Its own answer is here. */
  get answered(): boolean {
    return this.#done;
  }

  /**
   * On its way, on this connection.
   * @param carry gives whom to tell how far the log had come, if this can
   */
  start(link: Link, carry?: () => (row: unknown) => void): void {
    this.link = link;
    this.#executing = true;
    const { kind, atomic } = this.statement;
    if (kind === "read" || !atomic) return;
    this.#row = this.#host.outcomes.next(this.#host.identity(link), carry !== undefined);
    if (this.#row === undefined) return;
    this.calls = [this.calls[0], this.#row.call];
    this.#passenger = carry?.();
  }

  committing(): void {
    this.#executing = false;
    this.#tellPassenger(this.#row === undefined ? undefined : rowsOf(this.#row.call)[0]);
    this.#host.committing();
  }

  #tellPassenger(row: unknown): void {
    this.#passenger?.(row);
    this.#passenger = undefined;
  }

  /** The answer for one caller. Each further one gets rows of its own. */
  answer(): Promise<QueryResult<never>> {
    if (this.#waiters.length > 0) this.calls[0].lists.push([]);
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  fail(error: unknown): void {
    for (const waiter of this.#waiters) waiter.reject(error);
  }

  end(error: Error | undefined, status: Status): void {
    const link = this.link as Link;
    this.#executing = false;
    this.#tellPassenger(undefined);
    if (error !== undefined && isDenied(error)) {
      void this.#host.whyDenied(link.address).then((why) => this.#wasDenied(why, error));
    } else if (error !== undefined && this.#isOpen(error)) {
      void this.#lookUp(error);
    } else if (error !== undefined) {
      this.#failed(error);
    } else if (status !== "I" || (this.statement.kind === "unknown" && STATEFUL.test(this.calls[0].tag))) {
      this.#host.restore(link);
      this.fail(new ConnectionStateChanged(this.statement.text));
    } else {
      this.#succeed();
    }
    this.#host.freed();
  }

  /**
   * The position was asked for right behind the statement. The callback it gives ends the wait for it, which holds back
   * the statement's answer: whoever sees that must find the session up to date.
   */
  awaitPosition(): () => void {
    const request = ++this.#positions;
    this.#positionDue = true;
    return () => {
      if (request !== this.#positions) return;
      this.#positionDue = false;
      if (this.#done) this.#settle();
    };
  }

  #succeed(): void {
    this.#done = true;
    if (!this.#positionDue) this.#settle();
  }

  #settle(): void {
    const { tag, lists } = this.calls[0];
    this.#waiters.forEach((waiter, i) => {
      waiter.resolve(resultOf(tag, lists[i] ?? []));
    });
  }

  /** Nothing was executed. Without a fence it is tried once more, because one may have gone before we looked. */
  #wasDenied(why: Denial, error: Error): void {
    const now = performance.now();
    if (why !== "denied") this.#fencedAt ??= now;
    if (this.#fencedAt !== undefined && now - this.#fencedAt >= this.#host.holdMs) {
      this.fail(new DatabaseMoving(this.#host.holdMs, { cause: error }));
    } else if (why === "denied" && this.#denied) {
      this.fail(error);
    } else {
      this.#denied = why === "denied";
      this.reset();
      this.#host.again(this);
    }
  }

  /** It may have been committed. */
  #isOpen(error: Error): boolean {
    if (this.statement.kind === "read") return false;
    return error instanceof NotReplicated || (error instanceof LinkLost && error.mayHaveRun);
  }

  async #lookUp(cause: Error): Promise<void> {
    const row = this.#row;
    const outcome = row === undefined ? "unknown" : await this.#host.outcomes.lookUp(row, this.session);
    if (outcome === "unknown") {
      this.fail(new OutcomeUnknown(`a write was sent and not confirmed: ${cause.message}`, { cause }));
    } else if (outcome === "rolled back") {
      this.#undone(cause);
    } else if (this.calls[0].tag === "") {
      this.fail(new AnswerLost({ cause }));
    } else {
      this.#succeed();
    }
  }

  /** What changes nothing but rows has left no trace, and is sent again. */
  #undone(cause: Error): void {
    if (this.statement.kind === "write" && ++this.#tries < MOST_TRIES) {
      this.reset();
      this.#host.again(this);
      return;
    }
    this.fail(new TransactionLost("the connection broke under a statement, which was rolled back", { cause }));
  }

  #failed(error: Error): void {
    const { kind } = this.statement;
    const lost = error instanceof LinkLost;
    const again = lost || isStale(error) || (kind !== "unknown" && CONFLICTS.has(codeOf(error) ?? ""));
    if (again && ++this.#tries < MOST_TRIES) {
      this.reset();
      this.#host.again(this);
      return;
    }
    if (!lost) this.fail(error);
    else
      this.fail(
        new DatabaseUnavailable(`the connection broke ${MOST_TRIES} times under a statement`, { cause: error }),
      );
  }

  /** As if it had never been sent. */
  reset(): void {
    this.sent = false;
    this.link = undefined;
    this.#row = undefined;
    this.calls = [this.calls[0]];
    resetCall(this.calls[0]);
  }
}
