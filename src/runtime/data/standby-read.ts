import type { QueryResult } from "kysely";
import type { Session } from "../session/index.ts";
import { type Call, callOf, type Exchange } from "./exchange.ts";
import { resultOf } from "./result.ts";
import type { Statement } from "./statement.ts";
import type { Encoded } from "./wire/writer.ts";

interface Waiter {
  readonly session: Session;
  resolve(result: QueryResult<never>): void;
  reject(error: unknown): void;
}

/** A read that may be answered by any member which has come far enough for those who wait for it. */
export class StandbyRead {
  readonly statement: Statement;
  readonly values: readonly Encoded[];
  readonly waiters: Waiter[] = [];
  /** Place in the log, on the leader's timeline, that a standby must have replayed; 0 for any. */
  need: bigint;
  /** When it first met a standby that had not come so far, milliseconds of `performance.now()`. */
  shortSince: number | undefined;
  tries = 0;
  /** When it had to wait for a connection, milliseconds of `performance.now()`; 0 before. */
  since = 0;

  constructor(statement: Statement, values: readonly Encoded[], need: bigint) {
    this.statement = statement;
    this.values = values;
    this.need = need;
  }

  /** The answer for one caller. Each further one gets rows of its own. */
  answer(session: Session): Promise<QueryResult<never>> {
    return new Promise((resolve, reject) => this.waiters.push({ session, resolve, reject }));
  }

  attempt(): Attempt {
    return new Attempt(this);
  }

  fail(error: unknown): void {
    for (const { reject } of this.waiters) reject(error);
  }
}

/** A read on its way to one standby. What comes back counts only once it is known what the standby showed. */
export class Attempt implements Exchange {
  readonly read: StandbyRead;
  readonly calls: readonly [Call];
  readonly mayWait = false;
  sent = false;
  error: Error | undefined;
  ended = false;

  constructor(read: StandbyRead) {
    this.read = read;
    const call = callOf(read.statement, read.values);
    for (let i = 1; i < read.waiters.length; i++) call.lists.push([]);
    this.calls = [call];
  }

  end(error: Error | undefined): void {
    this.error = error;
    this.ended = true;
  }

  /** Hands the rows to those who wait. */
  settle(): void {
    const { tag, lists } = this.calls[0];
    this.read.waiters.forEach(({ resolve }, i) => {
      resolve(resultOf(tag, lists[i] ?? []));
    });
  }
}
