import type { BrokenPromise, Violation } from "./ledger/violation.ts";
import type { KindFigures } from "./measure/tally.ts";
import type { Kind, Op } from "./operation.ts";

/** Where a run stands. Times in milliseconds. */
export interface Snapshot extends Readonly<Record<BrokenPromise, number>> {
  readonly phase: "traffic" | "audit" | "done";
  readonly elapsedMs: number;
  /** Requests of the check's operations; signing up and the final audit not counted. */
  readonly requests: number;
  readonly ok: number;
  readonly failed: number;
  readonly unknown: number;
  /** Operations that were due and never sent, because every user was still waiting for an answer. */
  readonly unsent: number;
  /** From the intended time of sending to the answer, of all operations that succeeded. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly kinds: Readonly<Record<Kind, KindFigures>>;
  /** Final reads that are done, and how many there are. */
  readonly audit: { readonly done: number; readonly total: number };
}

/** One operation of a failing history. */
export interface HistoryLine {
  readonly op: number;
  readonly session: number;
  readonly name: string;
  readonly claims: readonly string[];
  readonly sentMs: number;
  readonly finishedMs: number;
  readonly outcome: Op["outcome"];
  readonly status: number;
}

export interface FailingHistory {
  readonly promise: BrokenPromise;
  readonly at: string;
  readonly says: string;
  readonly operations: readonly HistoryLine[];
}

/** The verdict on a run, as JSON. */
export interface ReportData extends Snapshot {
  readonly version: 1;
  readonly check: string;
  readonly url: string;
  /** Give it again to repeat the choices of the run. */
  readonly seed: number;
  readonly run: string;
  readonly users: number;
  readonly rate: number;
  readonly startedAt: string;
  /**
   * `kept`: every promise was. `broken`: at least one was not. `undecided`: none is known to be broken, but something
   * could not be judged; never to be taken for kept.
   */
  readonly verdict: "kept" | "broken" | "undecided";
  /** Which promises were broken, or what is undecided, in words. */
  readonly why: readonly string[];
  readonly audited: number;
  readonly undecided: number;
  /** Why operations failed or are unknown, most frequent first, at most 20. */
  readonly reasons: ReadonlyArray<{ readonly reason: string; readonly count: number }>;
  /** Shortest first, at most ten operations each. */
  readonly histories: readonly FailingHistory[];
}

export interface Report extends ReportData {
  /** Longest time in milliseconds in which operations of this kind were due and none succeeded. */
  longestPause(kind: Kind): number;
}

export function withMethods(data: ReportData): Report {
  return { ...data, longestPause: (kind) => data.kinds[kind].longestPause };
}

export function historyOf({ promise, at, says, ops }: Violation): FailingHistory {
  return {
    promise,
    at,
    says,
    operations: ops.map(({ id, session, name, claims, sentMs, finishedMs, outcome, status }) => ({
      op: id,
      session,
      name,
      claims: claims.map((claim) => {
        const { kind, part, key, token, version, member } = { key: "", token: "", version: "", member: "", ...claim };
        return `${kind} ${part} ${key} ${token}${version}${member}`.trim().replace(/ +/g, " ");
      }),
      sentMs,
      finishedMs,
      outcome,
      status,
    })),
  };
}
