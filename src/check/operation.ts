import type { Claim } from "./model.ts";

/** What an operation does to the service's data; latency and pauses are reported for each kind. */
export type Kind = "read" | "write" | "delete";
export const KINDS: readonly Kind[] = ["read", "write", "delete"];

/**
 * How an operation ended. `unknown`: the request was sent and no answer came (timeout, connection lost, or a 503 that
 * says the outcome is unknown), so it may take effect now, later or never, and stays concurrent with everything after it.
 */
export type Outcome = "ok" | "failed" | "unknown";

/**
 * One operation of one session: a line in the journal before it was sent and another after its answer. `began` and `ended`
 * are the numbers of those lines; only their order is trusted, never the clock. Times are milliseconds since the start of the run.
 */
export interface Op {
  readonly id: number;
  readonly session: number;
  readonly name: string;
  readonly kind: Kind;
  readonly claims: readonly Claim[];
  began: number;
  /** 0 while it is under way. */
  ended: number;
  intendedMs: number;
  sentMs: number;
  finishedMs: number;
  outcome: Outcome | "pending";
  /** HTTP status, 0 without an answer. */
  status: number;
  /** Why it is not ok; empty otherwise. */
  reason: string;
}

export function createOp(id: number, session: number, name: string, kind: Kind, claims: readonly Claim[]): Op {
  return {
    id,
    session,
    name,
    kind,
    claims,
    began: 0,
    ended: 0,
    intendedMs: 0,
    sentMs: 0,
    finishedMs: 0,
    outcome: "pending",
    status: 0,
    reason: "",
  };
}
