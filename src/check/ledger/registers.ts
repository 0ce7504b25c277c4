import type { Op, Outcome } from "../operation.ts";
import type { Verdict } from "./violation.ts";

/** What one session knows of one register. */
interface View {
  /** Highest version it wrote or saw. */
  floor: number;
  /** The version it wrote or saw last; below `floor` only after a write of unknown outcome took effect late. */
  current: number;
  last: Op | undefined;
  /** Unknown versions that it saw in effect; each can take effect once. */
  late: Set<number> | undefined;
}

interface Register {
  readonly owner: number;
  /** Highest version begun, and its operation. */
  begun: Op | undefined;
  begunVersion: number;
  acked: Op | undefined;
  ackedVersion: number;
  /** Writes that did not end well, by version; the failed ones are dropped when they become many. */
  readonly failed: Map<number, Op>;
  readonly unknown: Map<number, Op>;
  /** Who saw the version that is being written now. */
  seenPending: Op | undefined;
  readonly views: Map<number, View>;
}

const FAILED_KEPT = 1_000;

export interface Registers {
  begin(op: Op, key: string, version: number): void;
  end(op: Op, key: string, version: number, outcome: Outcome): void;
  read(op: Op, key: string, version: number): void;
  keys(): Iterable<string>;
  audit(op: Op, key: string, version: number, report: boolean): number;
}

/** Registers with one writer each: versions only rise, but for a write of unknown outcome that takes effect late. */
export function createRegisters(part: string, verdict: Verdict): Registers {
  const registers = new Map<string, Register>();
  const at = (key: string) => `${part} of ${key}`;

  function view(register: Register, session: number): View {
    let found = register.views.get(session);
    if (found === undefined) {
      found = { floor: 0, current: 0, last: undefined, late: undefined };
      register.views.set(session, found);
    }
    return found;
  }

  function tookEffect(view: View, version: number) {
    view.late ??= new Set();
    view.late.add(version);
  }

  /** False when the version could not have been written. */
  function plausible(register: Register, key: string, version: number, op: Op): boolean {
    if (version > register.begunVersion || version < 0) {
      verdict("garbage", at(key), `version ${version} shows, which nobody wrote`, [register.begun, op]);
      return false;
    }
    const failed = register.failed.get(version);
    if (failed !== undefined) {
      verdict("aborted", at(key), `version ${version} was reported failed and shows nevertheless`, [failed, op]);
      register.failed.delete(version);
      return false;
    }
    if (version === register.begunVersion && register.begun?.outcome === "pending") register.seenPending ??= op;
    return true;
  }

  return {
    begin(op, key, version) {
      let register = registers.get(key);
      if (register === undefined) {
        register = {
          owner: op.session,
          begun: undefined,
          begunVersion: 0,
          acked: undefined,
          ackedVersion: 0,
          failed: new Map(),
          unknown: new Map(),
          seenPending: undefined,
          views: new Map(),
        };
        registers.set(key, register);
      }
      if (register.owner !== op.session) throw new TypeError(`${at(key)} is written by more than one session`);
      if (version <= register.begunVersion) throw new TypeError(`${at(key)}: version ${version} does not rise`);
      register.begun = op;
      register.begunVersion = version;
      register.seenPending = undefined;
    },

    end(op, key, version, outcome) {
      const register = registers.get(key);
      if (register === undefined) return;
      if (outcome === "unknown") register.unknown.set(version, op);
      if (outcome === "failed") {
        if (register.seenPending !== undefined) {
          const says = `version ${version} had been seen before it was reported failed`;
          verdict("aborted", at(key), says, [op, register.seenPending]);
        } else register.failed.set(version, op);
        if (register.failed.size > FAILED_KEPT) {
          for (const oldest of register.failed.keys()) {
            register.failed.delete(oldest);
            break;
          }
        }
      }
      if (outcome !== "ok") return;
      register.acked = op;
      register.ackedVersion = version;
      const mine = view(register, op.session);
      mine.floor = Math.max(mine.floor, version);
      mine.current = version;
      mine.last = op;
    },

    read(op, key, version) {
      const register = registers.get(key);
      if (register === undefined) {
        if (version !== 0) verdict("garbage", at(key), `version ${version} shows, which nobody wrote`, [op]);
        return;
      }
      if (!plausible(register, key, version, op)) return;
      const mine = view(register, op.session);
      if (version > mine.floor) {
        if (register.unknown.has(mine.current)) tookEffect(mine, mine.current);
        mine.floor = version;
        mine.current = version;
      } else if (version !== mine.current) {
        if (!register.unknown.has(version) || mine.late?.has(version)) {
          const own = register.owner === op.session;
          const says = `session ${op.session} ${own ? "wrote" : "had seen"} version ${mine.current} and then sees ${version}`;
          verdict("stale", at(key), says, [mine.last, op]);
          return;
        }
        tookEffect(mine, version);
        mine.current = version;
      }
      mine.last = op;
    },

    keys: () => registers.keys(),

    audit(op, key, version, report) {
      const register = registers.get(key);
      if (register === undefined || version === register.ackedVersion || register.unknown.has(version)) return 0;
      if (!report) return 1;
      if (plausible(register, key, version, op)) {
        const says = `version ${register.ackedVersion} was acknowledged and version ${version} is there at the end`;
        verdict("lost", at(key), says, [register.acked, op]);
      }
      return 1;
    },
  };
}
