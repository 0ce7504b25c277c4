import type { Op, Outcome } from "../operation.ts";
import type { Verdict } from "./violation.ts";

interface Token {
  readonly token: string;
  readonly key: string;
  readonly add: Op;
  /** The journal line from which on it is certain to be in the store: its acknowledgement, or the first read that showed it. */
  established: number;
  seenBy: Op | undefined;
  /** `maybe` while its removal is under way or unknown. */
  removed: "no" | "maybe" | "yes";
  removal: Op | undefined;
  /** Number of the last read that showed it. */
  mark: number;
  reported: boolean;
}

/** What one session knows of one list. */
interface View {
  /** Elements it wrote or saw: each must show in every later read unless removed. */
  readonly seen: Set<Token>;
  /** Elements it removed, or saw vanish: none may come back. */
  readonly gone: Set<Token>;
  lastRead: Op | undefined;
}

/** Views a session keeps of one part; the oldest is forgotten, which only makes the check weaker for lists not read for long. */
const VIEWS = 256;

export interface Lists {
  begin(op: Op, token: string, key: string, removes: boolean): void;
  end(op: Op, token: string, key: string, removes: boolean, outcome: Outcome, line: number): void;
  read(op: Op, key: string, tokens: readonly string[], complete: boolean, line: number): void;
  keys(): Iterable<string>;
  /** How many acknowledged changes of a key a complete read misses; `report` also says so. */
  audit(op: Op, key: string, tokens: readonly string[], line: number, report: boolean): number;
}

/** Append lists: one read recovers the order of writes, since each element is unique. */
export function createLists(part: string, ordered: boolean, verdict: Verdict): Lists {
  const tokens = new Map<string, Token>();
  const byKey = new Map<string, Set<Token>>();
  const sessions = new Map<number, Map<string, View>>();
  const scratch: Token[] = [];
  let reads = 0;

  function view(session: number, key: string): View {
    let views = sessions.get(session);
    if (views === undefined) {
      views = new Map();
      sessions.set(session, views);
    }
    let found = views.get(key);
    if (found === undefined) {
      if (views.size >= VIEWS) {
        for (const oldest of views.keys()) {
          views.delete(oldest);
          break;
        }
      }
      found = { seen: new Set(), gone: new Set(), lastRead: undefined };
      views.set(key, found);
    }
    return found;
  }

  const at = (key: string) => `${part} of ${key}`;

  function aborted(t: Token, seenBy: Op | undefined) {
    if (t.reported) return;
    t.reported = true;
    verdict("aborted", at(t.key), `${t.token} was reported failed and shows nevertheless`, [t.add, seenBy]);
  }

  /** Looks at each element by itself, marks what shows, and leaves the known elements in `scratch`, oldest first. */
  function recognise(op: Op, key: string, shown: readonly string[], line: number) {
    reads++;
    scratch.length = 0;
    for (const token of shown) {
      const t = tokens.get(token);
      if (t === undefined || t.key !== key) {
        verdict("garbage", at(key), `${token} shows, which nobody wrote there`, [t?.add, op]);
        continue;
      }
      if (t.mark === reads) {
        if (!t.reported) verdict("duplicated", at(key), `${token} shows twice`, [t.add, op]);
        t.reported = true;
        continue;
      }
      t.mark = reads;
      t.seenBy ??= op;
      if (line < t.established) t.established = line;
      if (t.add.outcome === "failed") aborted(t, op);
      scratch.push(t);
    }
  }

  function checkOrder(op: Op, key: string) {
    let next: Token | undefined;
    for (let i = scratch.length - 1; i >= 0; i--) {
      const t = scratch[i];
      if (t === undefined) continue;
      if (next !== undefined && t.add.began > next.established) {
        if (!t.reported) {
          const says = `${t.token} stands before ${next.token}, which was there before it was written`;
          verdict("reordered", at(key), says, [next.add, next.seenBy, t.add, op]);
        }
        t.reported = true;
      }
      if (next === undefined || t.established < next.established) next = t;
    }
  }

  return {
    begin(op, token, key, removes) {
      const known = tokens.get(token);
      if (!removes) {
        if (known !== undefined) throw new TypeError(`token ${token} of ${part} was used twice`);
        const t: Token = {
          token,
          key,
          add: op,
          established: Number.POSITIVE_INFINITY,
          seenBy: undefined,
          removed: "no",
          removal: undefined,
          mark: 0,
          reported: false,
        };
        tokens.set(token, t);
        const inKey = byKey.get(key);
        if (inKey === undefined) byKey.set(key, new Set([t]));
        else inKey.add(t);
      } else if (known !== undefined && known.removed !== "yes") {
        known.removed = "maybe";
        known.removal = op;
      }
    },

    end(op, token, key, removes, outcome, line) {
      const t = tokens.get(token);
      if (t === undefined) return;
      if (!removes) {
        if (outcome === "failed" && t.seenBy !== undefined) aborted(t, t.seenBy);
        if (outcome !== "ok") return;
        t.established = Math.min(t.established, line);
        view(op.session, key).seen.add(t);
      } else if (outcome === "ok") {
        t.removed = "yes";
        t.removal = op;
        const { seen, gone } = view(op.session, key);
        seen.delete(t);
        gone.add(t);
      } else if (outcome === "failed" && t.removal === op && t.removed === "maybe") {
        t.removed = "no";
      }
    },

    read(op, key, shown, complete, line) {
      recognise(op, key, shown, line);
      if (ordered) checkOrder(op, key);
      const mine = view(op.session, key);
      const since = complete ? -1 : windowStart(scratch, ordered);
      let missing: Token | undefined;
      for (const t of mine.seen) {
        if (t.mark === reads || t.add.began <= since) continue;
        if (t.removed !== "no") {
          mine.seen.delete(t);
          mine.gone.add(t);
        } else if (t.removal !== undefined && t.removal.outcome === "failed") {
          if (!t.reported) {
            verdict("aborted", at(key), `${t.token} is gone, though its removal was reported failed`, [t.removal, op]);
          }
          t.reported = true;
        } else missing ??= t;
      }
      if (missing !== undefined) {
        const own = missing.add.session === op.session;
        const says = `session ${op.session} ${own ? "wrote" : "had seen"} ${missing.token} and then misses it`;
        verdict("stale", at(key), says, [missing.add, own ? undefined : mine.lastRead, op]);
      }
      for (const t of scratch) {
        if (mine.gone.has(t)) {
          verdict("stale", at(key), `${t.token} is back after session ${op.session} saw it gone`, [
            t.add,
            t.removal,
            mine.lastRead,
            op,
          ]);
        } else mine.seen.add(t);
      }
      mine.lastRead = op;
    },

    keys: () => byKey.keys(),

    audit(op, key, shown, line, report) {
      recognise(op, key, shown, line);
      if (ordered) checkOrder(op, key);
      let missing = 0;
      for (const t of byKey.get(key) ?? []) {
        const shows = t.mark === reads;
        if (shows && t.removed === "yes") {
          missing++;
          if (report)
            verdict("lost", at(key), `the removal of ${t.token} was acknowledged and is undone`, [t.removal, op]);
        } else if (
          !shows &&
          t.removed === "no" &&
          t.add.outcome !== "failed" &&
          t.established !== Number.POSITIVE_INFINITY
        ) {
          missing++;
          const says = t.add.outcome === "ok" ? "was acknowledged" : "had been seen";
          if (report) verdict("lost", at(key), `${t.token} ${says} and is not there at the end`, [t.add, t.seenBy, op]);
        }
      }
      return missing;
    },
  };
}

/**
 * The line such that whatever was begun after it belongs into the newest part of a list that a read showed.
 * Without an order, or without a known element, nothing can be demanded.
 */
function windowStart(shown: readonly Token[], ordered: boolean): number {
  const oldest = shown[0];
  return ordered && oldest !== undefined ? oldest.established : Number.POSITIVE_INFINITY;
}
