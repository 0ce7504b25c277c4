import type { Op, Outcome } from "../operation.ts";
import type { Verdict } from "./violation.ts";

/** One member's membership of one set; only the member's own session changes it. */
export interface Membership {
  readonly member: string;
  readonly owner: number;
  /** As acknowledged last. */
  inside: boolean;
  /** A join or a leave of unknown outcome may take effect at any time from now on. */
  mayJoin: boolean;
  mayLeave: boolean;
  /** Joins begun that were not reported failed. */
  joins: number;
  /** Latest journal line of a change, its beginning or its end. */
  changed: number;
  acked: Op | undefined;
  failed: Op | undefined;
}

interface MemberSetState {
  readonly members: Map<string, Membership>;
  /** Members with at least one join that was not reported failed: the counter never exceeds it. */
  possible: number;
}

export interface Sets {
  begin(op: Op, key: string, member: string, joins: boolean, line: number): void;
  end(op: Op, key: string, member: string, joins: boolean, outcome: Outcome, line: number): void;
  read(op: Op, key: string, member: string, present: boolean): void;
  count(op: Op, key: string, count: number): void;
  members(key: string): Iterable<Membership>;
  member(key: string, member: string): Membership | undefined;
  keys(): Iterable<string>;
  auditMember(op: Op, key: string, member: string, present: boolean, report: boolean): number;
  auditCount(op: Op, key: string, count: number, report: boolean): number;
}

/** Sets with a derived counter. */
export function createSets(part: string, verdict: Verdict): Sets {
  const sets = new Map<string, MemberSetState>();
  const at = (key: string) => `${part} of ${key}`;

  function allowed(m: Membership | undefined, present: boolean): boolean {
    if (m === undefined) return !present;
    return m.inside === present || (present ? m.mayJoin : m.mayLeave);
  }

  function unexpected(op: Op, key: string, member: string, present: boolean, promise: "stale" | "lost") {
    const m = sets.get(key)?.members.get(member);
    if (m === undefined || (present && m.joins === 0 && m.failed === undefined)) {
      verdict("garbage", at(key), `${member} is a member and never joined`, [op]);
      return;
    }
    const failedLater = m.failed !== undefined && m.failed.began > (m.acked?.began ?? 0);
    const says = `${member} ${present ? "is" : "is not"} a member`;
    if (failedLater)
      verdict("aborted", at(key), `${says}, by a change that was reported failed`, [m.acked, m.failed, op]);
    else verdict(promise, at(key), `${says}, against the change acknowledged last`, [m.acked, op]);
  }

  return {
    begin(op, key, member, joins, line) {
      let set = sets.get(key);
      if (set === undefined) {
        set = { members: new Map(), possible: 0 };
        sets.set(key, set);
      }
      let m = set.members.get(member);
      if (m === undefined) {
        m = {
          member,
          owner: op.session,
          inside: false,
          mayJoin: false,
          mayLeave: false,
          joins: 0,
          changed: 0,
          acked: undefined,
          failed: undefined,
        };
        set.members.set(member, m);
      }
      if (m.owner !== op.session) throw new TypeError(`${member} in ${at(key)} is changed by more than one session`);
      m.changed = line;
      if (joins && m.joins++ === 0) set.possible++;
    },

    end(op, key, member, joins, outcome, line) {
      const set = sets.get(key);
      const m = set?.members.get(member);
      if (set === undefined || m === undefined) return;
      m.changed = line;
      if (outcome === "ok") {
        m.inside = joins;
        m.acked = op;
      } else if (outcome === "unknown") {
        if (joins) m.mayJoin = true;
        else m.mayLeave = true;
      } else {
        m.failed = op;
        if (joins && --m.joins === 0) set.possible--;
      }
    },

    read(op, key, member, present) {
      const m = sets.get(key)?.members.get(member);
      // Another session may look at an older state: only what was never there at all is wrong.
      const own = m === undefined || m.owner === op.session;
      if (own ? !allowed(m, present) : present && m.joins === 0) unexpected(op, key, member, present, "stale");
    },

    count(op, key, count) {
      const set = sets.get(key);
      const most = set?.possible ?? 0;
      let least = 0;
      for (const m of set?.members.values() ?? []) {
        if (m.owner === op.session && m.inside && !m.mayLeave) least++;
      }
      if (count >= least && count <= most && Number.isInteger(count)) return;
      verdict("miscounted", at(key), `the counter says ${count}, possible is ${least} to ${most}`, [op]);
    },

    *members(key) {
      yield* sets.get(key)?.members.values() ?? [];
    },
    member: (key, member) => sets.get(key)?.members.get(member),
    keys: () => sets.keys(),

    auditMember(op, key, member, present, report) {
      if (allowed(sets.get(key)?.members.get(member), present)) return 0;
      if (report) unexpected(op, key, member, present, "lost");
      return 1;
    },

    auditCount(op, key, count, report) {
      let least = 0;
      let most = 0;
      let last: Op | undefined;
      for (const m of sets.get(key)?.members.values() ?? []) {
        if (m.inside && !m.mayLeave) least++;
        if (m.inside || m.mayJoin) most++;
        if (m.acked !== undefined && m.acked.began > (last?.began ?? 0)) last = m.acked;
      }
      if (count >= least && count <= most) return 0;
      if (report) {
        const members = least === most ? `${least}` : `${least} to ${most}`;
        verdict("miscounted", at(key), `the counter says ${count} at the end, members are ${members}`, [last, op]);
      }
      return 1;
    },
  };
}
