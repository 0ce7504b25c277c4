import type { CompiledQuery, Kysely, QueryResult, TransactionSettings } from "kysely";
import type { Database } from "./database.ts";
import { type Call, callOf, rowsOf } from "./exchange.ts";
import type { Source } from "./executor.ts";
import { kyselyOn } from "./kysely.ts";
import { Lease } from "./lease.ts";
import type { TransactionScope } from "./scope.ts";
import { ownStatement } from "./statement.ts";
import { encodeValues } from "./wire/values.ts";

export interface LazyTransactionOptions {
  /**
   * Executed behind BEGIN, in the same round trip as the first statement. If it fails, that statement is not executed
   * and fails with the same error.
   */
  readonly prologue?: CompiledQuery;
  /** Looks at the prologue's rows; what it throws, the first statement and `commit` throw. */
  readonly onPrologue?: (rows: readonly unknown[]) => void;
}

/** A transaction that begins with its first statement and ends when its maker says so. */
export interface LazyTransaction<DB> {
  /** All its statements belong to the transaction; `transaction()` on it makes a savepoint. */
  readonly db: Kysely<DB>;
  /** Where the statements of `db` go. */
  readonly source: Source;
  /** The database outside of the transaction, which shows nothing of it before its commit. */
  readonly outside: Kysely<DB>;
  /** A statement was executed. If not, `commit` and `rollback` have nothing to do. */
  readonly begun: boolean;
  /**
   * @throws OutcomeUnknown when the connection broke at the commit and what became of it cannot be found out
   * @throws TransactionLost when the connection broke before
   */
  commit(): Promise<void>;
  /** Never fails. Nothing can be executed afterwards. */
  rollback(): Promise<void>;
}

/** Makes a {@link LazyTransaction}. It is not run again by itself: its maker knows how. */
export function lazyTransaction<DB>(database: Database<DB>, options: LazyTransactionOptions = {}): LazyTransaction<DB> {
  const lease = new Lease(database.scheduler);
  const { prologue, onPrologue } = options;
  const first =
    prologue === undefined
      ? undefined
      : callOf(ownStatement(prologue.sql, "", "unknown"), encodeValues(prologue.parameters));
  lease.begin({}, first === undefined ? [] : [first]);
  const place = new Place(lease, first, onPrologue);
  let ended = false;
  const end = async (how: () => Promise<void>) => {
    if (ended) return;
    ended = true;
    try {
      await how();
    } finally {
      lease.release();
    }
  };
  const source = placeSource(place);
  return {
    db: kyselyOn<DB>(source),
    source,
    outside: database.db,
    get begun() {
      return place.used;
    },
    commit: () => end(() => place.commit()),
    rollback: () => end(() => lease.rollback()),
  };
}

/** Statements and nested transactions take turns, because they share one connection. */
function placeSource(place: Place): Source {
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work, work);
    last = result.catch(() => undefined);
    return result;
  };
  return {
    run: (compiled) => inTurn(() => place.executeQuery<never>(compiled)),
    provide: (consumer) => inTurn(() => consumer(new Nested(place))),
  };
}

/** The transaction as its statements see it. */
class Place {
  readonly lease: Lease;
  used = false;
  readonly #first: Call | undefined;
  readonly #onPrologue: LazyTransactionOptions["onPrologue"];
  #checked = false;
  #refused: { error: unknown } | undefined;

  constructor(lease: Lease, first: Call | undefined, onPrologue: LazyTransactionOptions["onPrologue"]) {
    this.lease = lease;
    this.#first = first;
    this.#onPrologue = onPrologue;
  }

  async executeQuery<R>(compiled: CompiledQuery): Promise<QueryResult<R>> {
    this.#throwIfRefused();
    this.used = true;
    const result = await this.lease.executeQuery<R>(compiled);
    if (!this.#checked) this.#check();
    return result;
  }

  async commit(): Promise<void> {
    if (this.#refused !== undefined) await this.lease.rollback();
    this.#throwIfRefused();
    await this.lease.commit();
  }

  #check(): void {
    this.#checked = true;
    if (this.#first === undefined) return;
    try {
      this.#onPrologue?.(rowsOf(this.#first));
    } catch (error) {
      this.#refused = { error };
      throw error;
    }
  }

  #throwIfRefused(): void {
    if (this.#refused !== undefined) throw this.#refused.error;
  }
}

let savepoints = 0;

/** `transaction()` or `connection()` inside of the transaction. */
class Nested implements TransactionScope {
  readonly #place: Place;
  #name: string | undefined;

  constructor(place: Place) {
    this.#place = place;
  }

  executeQuery<R>(compiled: CompiledQuery): Promise<QueryResult<R>> {
    return this.#place.executeQuery(compiled);
  }

  streamQuery<R>(compiled: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    this.#place.used = true;
    return this.#place.lease.streamQuery(compiled, chunkSize);
  }

  async begin(_settings: TransactionSettings): Promise<void> {
    this.#name = `nested${++savepoints}`;
    await this.#command(`savepoint ${this.#name}`);
  }

  async commit(): Promise<void> {
    await this.#command(`release savepoint ${this.#name}`);
  }

  async rollback(): Promise<void> {
    await this.#command(`rollback to savepoint ${this.#name}`);
    this.recovered();
  }

  recovered(): void {
    this.#place.lease.recovered();
  }

  async #command(text: string): Promise<void> {
    this.#place.used = true;
    await this.#place.lease.perform(callOf(ownStatement(text, "", "unknown")));
  }
}
