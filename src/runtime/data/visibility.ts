import { setTimeout as delay } from "node:timers/promises";
import type { Position, Session } from "../session/index.ts";
import { DatabaseUnavailable } from "./errors.ts";
import { type Call, callOf } from "./exchange.ts";
import type { Identity } from "./identity.ts";
import { isCutOff, type Switch } from "./members.ts";
import { ownStatement } from "./statement.ts";
import { codeOf } from "./wire/problem.ts";
import { encodeValues } from "./wire/values.ts";

/** Longest wait on the server; longer commits are asked about, so that no connection is held for them. Milliseconds. */
const WITHIN_MS = 20;
const AGAIN_MS = 20;
/** Beyond any transaction's number. */
const ALL = 2n ** 63n - 1n;
const NOT_VISIBLE = "NF001";

const AWAIT = ownStatement("select ninefold.await_visible($1, $2)", "visible", "read");

/** Which of these transactions a standby shows that has replayed at least so much; undefined when none can tell. */
export type AskStandby = (xids: readonly bigint[], replayed: bigint) => Promise<readonly bigint[] | undefined>;

/**
 * Keeps a session from going back in time where it goes from a standby to the primary. A standby shows a commit once it has
 * replayed it; the primary only when the synchronous standbys have confirmed it, which may be later by any time.
 */
export class Visibility {
  /** True while sessions may have read on standbys of this cluster. */
  replicated = false;
  #leader: { system: string; timeline: number; history: readonly Switch[] } | undefined;
  readonly #cluster: string;
  readonly #holdMs: number;
  readonly #ask: AskStandby;
  readonly #onCutOff: (position: Position) => void;
  /** Transactions below are finished on the primary of this timeline. */
  #timeline = 0;
  #finished = 0n;
  /** Of sessions whose history is not known: those that need not wait on the primary any more. */
  readonly #cleared = new WeakSet<Session>();
  /** Sessions for which a guard has failed, until it is settled. */
  readonly #held = new WeakSet<Session>();

  constructor(cluster: string, holdMs: number, ask: AskStandby, onCutOff: (position: Position) => void) {
    this.#onCutOff = onCutOff;
    this.#cluster = cluster;
    this.#holdMs = holdMs;
    this.#ask = ask;
  }

  /** The cluster is led on this timeline now. */
  led(system: string, timeline: number, history: readonly Switch[]): void {
    this.#leader = { system, timeline, history };
  }

  /**
   * Looks whether a failover has cut off what the session has seen. It then goes on from the same place of the new timeline:
   * more than it has to, but the place may have come from a standby that was on the new one already.
   */
  admit(session: Session): void {
    const leader = this.#leader;
    const position = session.positions.get(this.#cluster);
    if (leader === undefined || position?.system !== leader.system || position.timeline >= leader.timeline) return;
    if (!isCutOff(position, leader.history)) return;
    this.#onCutOff(position);
    const { seen: _, ...place } = position;
    session.cutOff({ ...place, timeline: leader.timeline });
  }

  /** The primary was seen to have no open transaction below `xmin`. */
  finished(timeline: number, xmin: bigint): void {
    if (timeline < this.#timeline || (timeline === this.#timeline && xmin <= this.#finished)) return;
    this.#timeline = timeline;
    this.#finished = xmin;
  }

  /** A call to go ahead of what the session sends to the primary, in one exchange with it; undefined when none is needed. */
  guard(session: Session | undefined, identity: Identity | undefined): Call | undefined {
    if (!this.replicated || session === undefined || identity === undefined) return undefined;
    const below = this.#needed(session, identity);
    return below === undefined ? undefined : callOf(AWAIT, encodeValues([below, WITHIN_MS]));
  }

  /** The session's guard went through by itself: what the session had seen by then, it would find. */
  passed(session: Session, seen: bigint | undefined): void {
    if (session.isIncomplete(this.#cluster)) this.#cleared.add(session);
    else session.settle(this.#cluster, seen ?? 0n);
  }

  /** Whether {@link guard} would give a call on a connection to the primary as it is known. */
  mayNeedGuard(session: Session | undefined): boolean {
    if (!this.replicated || session === undefined) return false;
    if (session.isIncomplete(this.#cluster)) return true;
    const position = session.positions.get(this.#cluster);
    return position?.seen !== undefined && !(position.timeline === this.#timeline && position.seen <= this.#finished);
  }

  /** Whether the session has seen a later timeline: another member has become the primary, and this one only shows the past. */
  isOutdated(session: Session | undefined, identity: Identity | undefined): boolean {
    const position = session?.positions.get(this.#cluster);
    return position !== undefined && position.system === identity?.system && position.timeline > identity.timeline;
  }

  /**
   * After the guard gave up: resolves when running it again is worth while, or is not needed any more.
   * @param since when it was tried first, milliseconds of `performance.now()`
   * @throws DatabaseUnavailable when what the session has seen is still not confirmed after `holdMs`
   */
  async settle(session: Session, error: Error, since: number): Promise<void> {
    this.#held.add(session);
    try {
      await this.#look(session, error, since);
    } finally {
      this.#held.delete(session);
    }
  }

  /** What a primary says now does not complete such a session: it has not shown yet what the session may have seen. */
  isHeld(session: Session): boolean {
    return this.#held.has(session);
  }

  async #look(session: Session, error: Error, since: number): Promise<void> {
    const { xids, flushed } = leftOver(error);
    const position = session.positions.get(this.#cluster);
    const incomplete = session.isIncomplete(this.#cluster);
    // A standby that has replayed what the session has seen, and does not know the commit, cannot have shown it.
    const place = incomplete || position === undefined ? flushed : position.lsn;
    const shown = await this.#ask(xids, place).catch(() => undefined);
    if (shown !== undefined && shown.length === 0) {
      if (incomplete) this.#cleared.add(session);
      else session.settle(this.#cluster, position?.seen ?? 0n);
      return;
    }
    if (performance.now() - since > this.#holdMs) {
      const says = `a commit that the session has seen was not confirmed by the standbys within ${this.#holdMs} ms`;
      throw new DatabaseUnavailable(says, { cause: error });
    }
    await delay(AGAIN_MS);
  }

  #needed(session: Session, { system, timeline }: Identity): bigint | undefined {
    if (session.isIncomplete(this.#cluster)) return this.#cleared.has(session) ? undefined : ALL;
    const position = session.positions.get(this.#cluster);
    const seen = position?.seen;
    if (seen === undefined || position?.system !== system || position.timeline !== timeline) return undefined;
    return timeline === this.#timeline && seen <= this.#finished ? undefined : seen;
  }
}

export function isNotVisible(error: unknown): error is Error {
  return codeOf(error) === NOT_VISIBLE;
}

/** From the error's detail: the transactions that may be in the middle of their commit, and how far the log was flushed. */
function leftOver(error: Error): { xids: bigint[]; flushed: bigint } {
  const [xids = "", flushed = "0"] = ((error as { detail?: string }).detail ?? "").split(" ");
  return { xids: xids.split(",").filter(Boolean).map(BigInt), flushed: BigInt(flushed) };
}
