import type { Link } from "./link.ts";
import { Queue } from "./queue.ts";
import type { Run } from "./run.ts";

/** A transaction that waits for a connection of its own. */
export interface Reservation {
  readonly order: number;
  /** Since when it has waited, milliseconds of `performance.now()`; 0 before the first look. */
  since: number;
  grant(link: Link): void;
  fail(error: Error): void;
}

/** Statements and transactions that wait for a connection, in the order in which they came. */
export class Backlog {
  readonly #runs = new Queue<Run>();
  /** Those that a fence holds back while others pass. */
  readonly #held = new Queue<Run>();
  readonly #reservations = new Queue<Reservation>();
  #order = 0;

  get length(): number {
    return this.#runs.length + this.#held.length + this.#reservations.length;
  }

  /** Place in the order for who comes now. */
  nextOrder(): number {
    return ++this.#order;
  }

  add(run: Run): void {
    this.#runs.push(run);
  }

  /** Before all others, in its old order. */
  putBack(run: Run): void {
    this.#runs.putBack(run);
  }

  reserve(waiting: Pick<Reservation, "grant" | "fail">): void {
    this.#reservations.push({ ...waiting, order: this.nextOrder(), since: 0 });
  }

  /**
   * Starts what has waited longest; if that cannot start, the first of the other kind. Who starts is taken out.
   * @returns whether anything was started, or got out of the way of others
   */
  startFirst(start: {
    readonly run: (run: Run) => "started" | "held" | "waits";
    readonly reservation: (reservation: Reservation) => boolean;
  }): boolean {
    const run = this.#runs.peek();
    const reservation = this.#reservations.peek();
    const startRun = () => {
      if (run === undefined) return false;
      this.#runs.shift(); // first, because one that cannot be sent after all comes back at once
      const outcome = start.run(run);
      if (outcome === "held") this.#held.push(run);
      if (outcome === "waits") this.#runs.putBack(run);
      return outcome !== "waits";
    };
    const startReservation = () => {
      if (reservation === undefined || !start.reservation(reservation)) return false;
      this.#reservations.shift();
      return true;
    };
    const runFirst = run !== undefined && (reservation === undefined || run.order < reservation.order);
    return runFirst ? startRun() || startReservation() : startReservation() || startRun();
  }

  /** Takes out what has waited for `limit` milliseconds. */
  takeLate(now: number, limit: number): (Run | Reservation)[] {
    const late = (waiting: { since: number }) => {
      waiting.since ||= now;
      return now - waiting.since >= limit;
    };
    return this.#take(late);
  }

  takeAll(): (Run | Reservation)[] {
    return this.#take(() => true);
  }

  /** The fence is gone: those it held back come first, in their order. */
  reopen(): void {
    for (const run of [...this.#held.take(() => true)].reverse()) this.#runs.putBack(run);
    this.waitAnew();
  }

  /** What was waited for has come: all now wait for something else, and have not done so yet. */
  waitAnew(): void {
    for (const waiting of [...this.#runs, ...this.#held, ...this.#reservations]) waiting.since = 0;
  }

  #take(matches: (waiting: { since: number }) => boolean): (Run | Reservation)[] {
    const runs = [...this.#runs.take(matches), ...this.#held.take(matches)];
    // Nobody may join one that is not sent any more.
    for (const { statement } of runs) statement.unsent = [];
    return [...runs, ...this.#reservations.take(matches)];
  }
}
