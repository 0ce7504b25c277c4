import type { Receivers } from "../model.ts";
import type { Op, Outcome } from "../operation.ts";
import type { Membership } from "./sets.ts";
import type { Verdict } from "./violation.ts";

interface Effect {
  readonly token: string;
  readonly op: Op;
  readonly to: Receivers;
  mark: number;
}

/** An effect that a receiver must see, unless its membership changed after the operation began. */
interface Due {
  readonly effect: Effect;
  readonly membership: Membership | undefined;
}

interface View {
  readonly seen: Set<Effect>;
  last: Op | undefined;
}

export interface EffectLedger {
  begin(op: Op, token: string, to: Receivers): void;
  end(op: Op, token: string, outcome: Outcome): void;
  read(op: Op, receiver: string, tokens: readonly string[], complete: boolean): void;
  receivers(): Iterable<string>;
  audit(op: Op, receiver: string, tokens: readonly string[], report: boolean): number;
}

/** Where the memberships are that effects go by. */
export interface Memberships {
  all(part: string, key: string): Iterable<Membership>;
  one(part: string, key: string, member: string): Membership | undefined;
}

/** Effects that follow an operation later: exactly one for each receiver, none for a failed operation, at most one for an unknown one. */
export function createEffects(part: string, memberships: Memberships, verdict: Verdict): EffectLedger {
  const effects = new Map<string, Effect>();
  const due = new Map<string, Due[]>();
  const views = new Map<string, View>();
  const reported = new Set<string>();
  let reads = 0;
  const at = (receiver: string) => `${part} of ${receiver}`;

  function demand(receiver: string, effect: Effect, membership: Membership | undefined) {
    const list = due.get(receiver);
    if (list === undefined) due.set(receiver, [{ effect, membership }]);
    else list.push({ effect, membership });
  }

  function meantFor(effect: Effect, receiver: string): boolean {
    if ("users" in effect.to) return effect.to.users.includes(receiver);
    return (memberships.one(effect.to.part, effect.to.key, receiver)?.joins ?? 0) > 0;
  }

  /** Reports one finding of one effect once for each receiver. */
  function once(
    promise: "duplicated" | "aborted" | "garbage" | "lost",
    receiver: string,
    e: Effect,
    says: string,
    op: Op,
  ) {
    const key = `${promise} ${receiver} ${e.token}`;
    if (reported.has(key)) return;
    reported.add(key);
    verdict(promise, at(receiver), says, [e.op, op]);
  }

  function recognise(op: Op, receiver: string, tokens: readonly string[]): Effect[] {
    reads++;
    const shown: Effect[] = [];
    for (const token of tokens) {
      const effect = effects.get(token);
      if (effect === undefined) {
        verdict("garbage", at(receiver), `${token} shows, which no operation caused`, [op]);
        continue;
      }
      if (effect.mark === reads) {
        once("duplicated", receiver, effect, `the effect of ${token} shows twice`, op);
        continue;
      }
      effect.mark = reads;
      shown.push(effect);
      if (effect.op.outcome === "failed") {
        once("aborted", receiver, effect, `${token} was reported failed and has an effect nevertheless`, op);
      } else if (!meantFor(effect, receiver)) {
        once("garbage", receiver, effect, `the effect of ${token} was not meant for ${receiver}`, op);
      }
    }
    return shown;
  }

  return {
    begin(op, token, to) {
      if (effects.has(token)) throw new TypeError(`token ${token} of ${part} was used twice`);
      effects.set(token, { token, op, to, mark: 0 });
    },

    end(op, token, outcome) {
      const effect = effects.get(token);
      if (effect === undefined || outcome !== "ok") return;
      if ("users" in effect.to) {
        for (const user of effect.to.users) demand(user, effect, undefined);
        return;
      }
      for (const m of memberships.all(effect.to.part, effect.to.key)) {
        if (m.inside && !m.mayLeave && m.changed < op.began) demand(m.member, effect, m);
      }
    },

    read(op, receiver, tokens, complete) {
      const shown = recognise(op, receiver, tokens);
      let view = views.get(receiver);
      if (view === undefined) {
        view = { seen: new Set(), last: undefined };
        views.set(receiver, view);
      }
      if (complete) {
        for (const effect of view.seen) {
          if (effect.mark === reads) continue;
          verdict("stale", at(receiver), `the effect of ${effect.token} had shown and is gone`, [
            effect.op,
            view.last,
            op,
          ]);
          break;
        }
      }
      for (const effect of shown) view.seen.add(effect);
      view.last = op;
    },

    receivers() {
      const all = new Set([...due.keys(), ...views.keys()]);
      const looked = new Set<string>();
      for (const { to } of effects.values()) {
        if ("users" in to) for (const user of to.users) all.add(user);
        else if (!looked.has(`${to.part} ${to.key}`)) {
          looked.add(`${to.part} ${to.key}`);
          for (const { member } of memberships.all(to.part, to.key)) all.add(member);
        }
      }
      return all;
    },

    audit(op, receiver, tokens, report) {
      recognise(op, receiver, tokens);
      let missing = 0;
      for (const { effect, membership } of due.get(receiver) ?? []) {
        if (effect.mark === reads) continue;
        if (membership !== undefined && membership.changed > effect.op.began) continue;
        missing++;
        if (report) once("lost", receiver, effect, `the effect of ${effect.token} never came`, op);
      }
      return missing;
    },
  };
}
