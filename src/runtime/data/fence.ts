import type { DatabaseAddress } from "../../topology/endpoints.ts";
import { ask } from "./ask.ts";
import type { Kind } from "./classify.ts";
import { isSame } from "./connections.ts";
import type { Link } from "./link.ts";
import { ownStatement } from "./statement.ts";
import { codeOf } from "./wire/problem.ts";

/** What a fenced database refuses: writing, or reading as well. */
export type Phase = "writes" | "all";

/**
 * Why a statement was denied.
 * - `fenced`: the database is being moved; the statement can run when the move has ended, here or elsewhere.
 * - `passed`: that has happened already, or the server could not be asked; it can run again at once.
 * - `denied`: the role may not do it.
 */
export type Denial = "fenced" | "passed" | "denied";

export interface FenceHost {
  /** Where work goes now; another object after each move. */
  place(): DatabaseAddress;
  /** Asks that server whether it is fenced. Rejects when it cannot be asked. */
  ask(): Promise<Phase | undefined>;
  /** A fence was met. */
  met(phase: Phase): void;
  /** Called while it stands, again and again: the endpoints may have changed without our being told. */
  waiting(): void;
  /** Work that was held back may go on. */
  opened(): void;
}

const POLL_MS = 100;

/**
 * A fence of the database as this process knows it. The database enforces it, by denying what is fenced; a row in
 * `ninefold.fence` tells it from a right that is really missing. It ends with new endpoints, or with the row's removal.
 */
export class Fence {
  readonly #host: FenceHost;
  #phase: Phase | undefined;
  #asking: Promise<Phase | undefined> | undefined;
  #poll: NodeJS.Timeout | undefined;
  #waiters: Array<() => void> = [];
  #closed = false;

  constructor(host: FenceHost) {
    this.#host = host;
  }

  /** Whether a statement may be sent now; without a kind, a transaction. */
  admits(kind?: Kind): boolean {
    return this.#phase === undefined || (this.#phase === "writes" && kind === "read");
  }

  /** Resolves when none stands any more. */
  gone(): Promise<void> {
    return this.#phase === undefined ? Promise.resolve() : new Promise((resolve) => this.#waiters.push(resolve));
  }

  get stands(): boolean {
    return this.#phase !== undefined;
  }

  /** Looks why a statement was denied by the server at `place`. Never rejects. */
  async look(place: DatabaseAddress): Promise<Denial> {
    if (place !== this.#host.place()) return "passed";
    const phase = await this.#ask().catch(() => "unknown" as const);
    if (phase === "unknown" || place !== this.#host.place()) return "passed";
    return phase === undefined ? "denied" : "fenced";
  }

  /**
   * Whether what failed with `error` at `place` can run again, there or where work goes by then. Waits for as long as a fence
   * stands.
   */
  async mayRunAgain(error: unknown, place: DatabaseAddress): Promise<boolean> {
    if (!isDenied(error)) return false;
    const now = this.#host.place();
    const why = await this.look(isSame(place, now) ? now : place);
    if (why === "fenced") await this.gone();
    return why !== "denied";
  }

  /** Work goes to another server now, which is not fenced as far as we know. */
  moved(): void {
    this.#asking = undefined;
    this.#enter(undefined);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#poll);
  }

  /** Those who ask at the same time get one answer. */
  #ask(): Promise<Phase | undefined> {
    if (this.#asking !== undefined) return this.#asking;
    const place = this.#host.place();
    const asking = this.#host.ask().finally(() => {
      if (this.#asking === asking) this.#asking = undefined;
    });
    this.#asking = asking;
    asking.then(
      (phase) => place === this.#host.place() && this.#enter(phase),
      () => undefined,
    );
    return asking;
  }

  #enter(phase: Phase | undefined): void {
    const before = this.#phase;
    this.#phase = phase;
    if (phase === undefined) {
      clearTimeout(this.#poll);
      this.#poll = undefined;
      if (before !== undefined) this.#host.opened();
      for (const resolve of this.#waiters.splice(0)) resolve();
    } else if (this.#poll === undefined && !this.#closed) {
      this.#host.met(phase);
      this.#host.waiting();
      this.#pollLater();
    }
  }

  #pollLater(): void {
    this.#poll = setTimeout(
      async () => {
        this.#host.waiting();
        await this.#ask().catch(() => undefined);
        if (this.#phase !== undefined && !this.#closed) this.#pollLater();
      },
      POLL_MS * (0.5 + Math.random()),
    );
  }
}

const PHASE = ownStatement("select phase from ninefold.fence", "fence", "read");
/** No such table or schema, or no right to look: a database that knows no fences. */
const UNKNOWN = new Set(["42P01", "3F000", "42501"]);

/** Asks on a connection. Rejects as {@link ask} does. */
export async function phaseOn(link: Link): Promise<Phase | undefined> {
  try {
    return ((await ask(link, PHASE)) as { phase: Phase } | undefined)?.phase;
  } catch (error) {
    if (UNKNOWN.has(codeOf(error) ?? "")) return undefined;
    throw error;
  }
}

/** Whether the server denied a statement as a fence does: never for a row that a policy forbids. */
export function isDenied(error: unknown): boolean {
  return codeOf(error) === "42501" && (error as { routine?: string }).routine !== "ExecWithCheckOptions";
}
