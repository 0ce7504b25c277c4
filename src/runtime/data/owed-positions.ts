import type { Identity } from "./identity.ts";
import type { Link } from "./link.ts";
import type { Run } from "./run.ts";

/** A write whose session has to be told how far the log has come. */
export interface Owed {
  readonly run: Run;
  /**
   * @param row of the position; undefined: it could not be learned
   * @param from the server that was asked; default: that of the write's connection
   */
  tell(row: unknown, from?: Identity): void;
}

export interface OwedPositionsOptions {
  /** Asks on a write's connection, behind all that was sent there. */
  readonly ask: (link: Link, owed: Owed) => void;
  /** Asks for all of these together on a connection of its own. */
  readonly askApart: (owed: readonly Owed[]) => void;
}

/** How often we look for those that wait for a write which waits itself, such as for a lock; milliseconds. */
const LATE_MS = 5;
/** After that was seen nothing is left to the next write for a while. */
const SINGLY_MS = 1_000;

/**
 * The question for a write's position goes out right behind the write. While others wait to write, it is left to the next one on
 * the connection, whose own answer brings it along: an exchange less for the server and for us. No answer is held up for
 * long by a write that waits for a lock.
 */
export class OwedPositions {
  readonly #options: OwedPositionsOptions;
  /** Of each connection the last write, if nothing was sent behind it. */
  readonly #last = new Map<Link, Owed>();
  /** Those whose answer comes with the next write, and whether their own was there when we last looked. */
  readonly #carried = new Map<Owed, boolean>();
  #watch: NodeJS.Timeout | undefined;
  #singlyUntil = 0;

  constructor(options: OwedPositionsOptions) {
    this.#options = options;
  }

  /** The write was sent on this connection. */
  add(link: Link, owed: Owed): void {
    this.#last.set(link, owed);
  }

  /** Whoever takes it asks for it, before anything else on that connection. */
  take(link: Link): Owed | undefined {
    const owed = this.#last.get(link);
    this.#last.delete(link);
    return owed;
  }

  /** Something else is to be sent on this connection. */
  askBefore(link: Link): void {
    const owed = this.take(link);
    if (owed !== undefined) this.#options.ask(link, owed);
  }

  /** @param waiting whether others wait to write; those that wait for the end of their commit by now were offered to them */
  askDue(waiting: boolean, now: number): void {
    const carry = waiting && now >= this.#singlyUntil;
    for (const [link, owed] of this.#last) {
      if (!carry || !owed.run.executing) this.askBefore(link);
    }
  }

  /** The next write brings it along; gives what to call with its answer. */
  carry(owed: Owed): (row: unknown) => void {
    this.#carried.set(owed, false);
    this.#watch ??= setInterval(() => this.#lookForLate(), LATE_MS);
    return (row) => {
      if (this.#over(owed)) owed.tell(row);
    };
  }

  #over(owed: Owed): boolean {
    const was = this.#carried.delete(owed);
    if (this.#carried.size === 0) {
      clearInterval(this.#watch);
      this.#watch = undefined;
    }
    return was;
  }

  #lookForLate(): void {
    const late = [...this.#carried].filter(([, answered]) => answered).map(([owed]) => owed);
    for (const owed of this.#carried.keys()) if (owed.run.answered) this.#carried.set(owed, true);
    if (late.length === 0) return;
    this.#singlyUntil = performance.now() + SINGLY_MS;
    for (const owed of late) this.#over(owed);
    this.#options.askApart(late);
  }
}
