import type { Claim, Part, Sight } from "../model.ts";
import type { Op, Outcome } from "../operation.ts";
import { createEffects, type EffectLedger } from "./effects.ts";
import { createLists, type Lists } from "./lists.ts";
import { createRegisters, type Registers } from "./registers.ts";
import { createSets, type Sets } from "./sets.ts";
import { createViolations, type Violations } from "./violation.ts";

/** One read that the final audit must make. `member`: as this user. */
export interface AuditTarget {
  readonly part: string;
  readonly key: string;
  readonly what: "list" | "register" | "member" | "count" | "effects";
  readonly member: string | undefined;
}

/**
 * What the service should hold, from the journal alone. Pure: no clock, no I/O. Each session's operations come one after
 * the other; those of different sessions overlap as they like.
 */
export interface Ledger {
  readonly violations: Violations;
  /** The journal's line before the request is sent. */
  begin(op: Op): void;
  /** The journal's line after the answer, and what the answer showed. */
  end(op: Op, outcome: Outcome, sights: readonly Sight[]): void;
  targets(): Iterable<AuditTarget>;
  /** How many acknowledged changes a final, complete read misses; `report` also records them. */
  audit(op: Op, sight: Sight, report: boolean): number;
}

export function createLedger(parts: readonly Part[]): Ledger {
  const violations = createViolations();
  const lists = new Map<string, Lists>();
  const registers = new Map<string, Registers>();
  const sets = new Map<string, Sets>();
  const effects = new Map<string, EffectLedger>();
  let line = 0;

  const memberships = {
    all: (part: string, key: string) => room(sets, part).members(key),
    one: (part: string, key: string, member: string) => room(sets, part).member(key, member),
  };
  for (const part of parts) {
    if (part.kind === "list") lists.set(part.name, createLists(part.name, part.order === "realtime", violations.add));
    if (part.kind === "register") registers.set(part.name, createRegisters(part.name, violations.add));
    if (part.kind === "set") sets.set(part.name, createSets(part.name, violations.add));
    if (part.kind === "effects") effects.set(part.name, createEffects(part.name, memberships, violations.add));
  }

  function begin(op: Op, claim: Claim) {
    if (claim.kind === "append" || claim.kind === "remove") {
      room(lists, claim.part).begin(op, claim.token, claim.key, claim.kind === "remove");
    } else if (claim.kind === "join" || claim.kind === "leave") {
      room(sets, claim.part).begin(op, claim.key, claim.member, claim.kind === "join", line);
    } else if (claim.kind === "write") room(registers, claim.part).begin(op, claim.key, claim.version);
    else room(effects, claim.part).begin(op, claim.token, claim.to);
  }

  function end(op: Op, claim: Claim, outcome: Outcome) {
    if (claim.kind === "append" || claim.kind === "remove") {
      room(lists, claim.part).end(op, claim.token, claim.key, claim.kind === "remove", outcome, line);
    } else if (claim.kind === "join" || claim.kind === "leave") {
      room(sets, claim.part).end(op, claim.key, claim.member, claim.kind === "join", outcome, line);
    } else if (claim.kind === "write") room(registers, claim.part).end(op, claim.key, claim.version, outcome);
    else room(effects, claim.part).end(op, claim.token, outcome);
  }

  function read(op: Op, sight: Sight) {
    const { part, key } = sight;
    if (sight.kind === "list") room(lists, part).read(op, key, sight.tokens, sight.complete, line);
    else if (sight.kind === "value") room(registers, part).read(op, key, sight.version);
    else if (sight.kind === "membership") room(sets, part).read(op, key, sight.member, sight.present);
    else if (sight.kind === "count") room(sets, part).count(op, key, sight.count);
    else room(effects, part).read(op, key, sight.tokens, sight.complete);
  }

  return {
    violations,
    begin(op) {
      op.began = ++line;
      for (const claim of op.claims) begin(op, claim);
    },
    end(op, outcome, sights) {
      op.ended = ++line;
      op.outcome = outcome;
      for (const claim of op.claims) end(op, claim, outcome);
      for (const sight of sights) read(op, sight);
    },
    *targets() {
      for (const part of parts) {
        if (part.kind === "list") yield* targets(part.name, "list", room(lists, part.name).keys());
        if (part.kind === "register") yield* targets(part.name, "register", room(registers, part.name).keys());
        if (part.kind === "set") {
          const state = room(sets, part.name);
          if (part.auditCount !== undefined) yield* targets(part.name, "count", state.keys());
          for (const key of state.keys()) {
            for (const { member } of state.members(key)) yield { part: part.name, key, what: "member", member };
          }
        }
        if (part.kind === "effects") {
          for (const key of room(effects, part.name).receivers()) {
            yield { part: part.name, key, what: "effects", member: key };
          }
        }
      }
    },
    audit(op, sight, report) {
      op.began = ++line;
      op.ended = line;
      const { part, key } = sight;
      if (sight.kind === "list") return room(lists, part).audit(op, key, sight.tokens, line, report);
      if (sight.kind === "value") return room(registers, part).audit(op, key, sight.version, report);
      if (sight.kind === "membership")
        return room(sets, part).auditMember(op, key, sight.member, sight.present, report);
      if (sight.kind === "count") return room(sets, part).auditCount(op, key, sight.count, report);
      return room(effects, part).audit(op, key, sight.tokens, report);
    },
  };
}

function* targets(part: string, what: AuditTarget["what"], keys: Iterable<string>): Iterable<AuditTarget> {
  for (const key of keys) yield { part, key, what, member: undefined };
}

function room<T>(rooms: ReadonlyMap<string, T>, part: string): T {
  const found = rooms.get(part);
  if (found === undefined) throw new TypeError(`the check's model has no part ${part} of this kind`);
  return found;
}
