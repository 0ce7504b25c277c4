import { performance } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import type { AuditTarget, Ledger } from "./ledger/ledger.ts";
import type { Part, Sight } from "./model.ts";
import { createOp } from "./operation.ts";
import type { Person } from "./users.ts";

export interface AuditOptions {
  readonly parts: readonly Part[];
  readonly people: readonly Person[];
  readonly ledger: Ledger;
  /** Longest time in milliseconds that the service has to show every acknowledged write and effect. */
  readonly settleMs: number;
  readonly onProgress: (done: number, total: number) => void;
}

export interface AuditResult {
  /** Keys that were read and compared. */
  readonly audited: number;
  /** Keys that could not be read: nothing is said about them. `why`: the first reason. */
  readonly undecided: number;
  readonly why: string | undefined;
}

const AT_ONCE = 16;
const POLL_MS = 200;
/** After everything is there, effects are watched this much longer for a second delivery. */
const WATCH_MS = 1_000;

/** Reads every key of the ledger through the public API when traffic has ended, until all is there or time is up. */
export async function audit({ parts, people, ledger, settleMs, onProgress }: AuditOptions): Promise<AuditResult> {
  const deadline = performance.now() + settleMs;
  const byName = new Map(people.map((person) => [person.user.name, person]));
  const targets = [...ledger.targets()];
  const unread = new Map<AuditTarget, string>();
  let settled = 0;

  async function look(target: AuditTarget, index: number, report: boolean): Promise<boolean> {
    const person = target.member === undefined ? people[index % people.length] : byName.get(target.member);
    const read = readerOf(parts, target);
    if (person === undefined || read === undefined) {
      unread.set(target, `${target.part}: nobody can read ${target.key}`);
      return false;
    }
    let sight: Sight;
    try {
      sight = await read(person.visitor, target.key);
    } catch (error) {
      unread.set(target, error instanceof Error ? error.message : String(error));
      return false;
    }
    unread.delete(target);
    const op = createOp(0, person.user.number, `final read of ${target.part}`, "read", []);
    op.outcome = "ok";
    return ledger.audit(op, sight, report) === 0;
  }

  /** One pass over some targets; gives those that are not as they should be. */
  async function pass(todo: readonly AuditTarget[], report: boolean): Promise<AuditTarget[]> {
    const left: AuditTarget[] = [];
    let next = 0;
    const line = async () => {
      while (next < todo.length) {
        const index = next++;
        const target = todo[index];
        if (target === undefined) continue;
        if (await look(target, index, report)) settled++;
        else left.push(target);
        onProgress(settled, targets.length);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, line));
    return left;
  }

  let left = await pass(targets, false);
  while (left.length > 0 && performance.now() < deadline) {
    await pause(Math.min(POLL_MS, Math.max(0, deadline - performance.now())));
    left = await pass(left, false);
  }
  if (left.length > 0) await pass(left, true);

  const again = targets.filter((target) => target.what === "effects" && !left.includes(target));
  if (again.length > 0) {
    await pause(WATCH_MS);
    await pass(again, true);
  }
  const [why] = unread.values();
  return { audited: targets.length - unread.size, undecided: unread.size, why };
}

function readerOf(parts: readonly Part[], target: AuditTarget) {
  const part = parts.find(({ name }) => name === target.part);
  if (part?.kind !== "set") return part?.audit;
  return target.what === "count" ? part.auditCount : part.auditMember;
}
