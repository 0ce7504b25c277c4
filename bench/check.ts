/**
 * How fast histories are judged: the ledger alone, by the processor time that it takes (garbage collection included), fed with a recorded history of a sound service.
 * `node --conditions=ninefold-source bench/check.ts [operations]`
 * Bars: at least 100,000 operations/s while they come in; the final audit of 1,000,000 operations in under 10 s.
 */
import { createLedger } from "../src/check/ledger/ledger.ts";
import type { Sight } from "../src/check/model.ts";
import { createOp, type Op } from "../src/check/operation.ts";
import { createRandom } from "../src/check/random.ts";
import { bios, likes, MODEL, notes, notices } from "../src/check/testing/store.ts";

const SESSIONS = 50;
/** Length at which a list is left alone and a new one begun, as in Conduit's check. */
const LONGEST = 40;

interface Step {
  readonly op: Op;
  /** Undefined for the line before sending. */
  readonly sights: readonly Sight[] | undefined;
}

interface Recorded {
  readonly steps: Step[];
  readonly finals: Sight[];
}

/** A history of a sound service: two thirds reads, up to 50 operations under way at a time. */
function record(operations: number): Recorded {
  const random = createRandom(1);
  const steps: Step[] = [];
  const open = Array.from({ length: 20 }, (_, i) => `k${i}`);
  const lists = new Map<string, string[]>(open.map((key) => [key, []]));
  const versions = new Array<number>(SESSIONS).fill(0);
  const liked = new Map<string, Set<string>>();
  const inboxes = new Map<string, string[]>();
  const under = new Map<number, Step>();
  const who = (session: number) => `u${session}`;
  let ids = 0;

  function step(session: number): Step {
    const roll = random.next();
    const key = random.pick(open) ?? "k0";
    const list = lists.get(key) ?? [];
    const members = liked.get(key) ?? new Set<string>();
    const token = `t${ids}`;
    if (roll < 0.2) {
      list.push(token);
      if (list.length >= LONGEST) {
        const fresh = `k${lists.size}`;
        lists.set(fresh, []);
        open[open.indexOf(key)] = fresh;
      }
      return { op: createOp(++ids, session, "append", "write", [notes.append(key, token)]), sights: [] };
    }
    if (roll < 0.25) {
      const version = (versions[session] ?? 0) + 1;
      versions[session] = version;
      return { op: createOp(++ids, session, "write", "write", [bios.write(who(session), version)]), sights: [] };
    }
    if (roll < 0.31) {
      members.add(who(session));
      liked.set(key, members);
      return { op: createOp(++ids, session, "join", "write", [likes.join(key, who(session))]), sights: [] };
    }
    if (roll < 0.33) {
      const receivers = [who(random.below(SESSIONS)), who(random.below(SESSIONS))].filter(
        (name, i, all) => all.indexOf(name) === i,
      );
      for (const name of receivers) {
        const inbox = inboxes.get(name);
        if (inbox === undefined) inboxes.set(name, [token]);
        else inbox.push(token);
      }
      const op = createOp(++ids, session, "emit", "write", [notices.emit(token, { users: receivers })]);
      return { op, sights: [] };
    }
    const op = createOp(++ids, session, "read", "read", []);
    if (roll < 0.75) return { op, sights: [notes.saw(key, [...list])] };
    if (roll < 0.85) return { op, sights: [bios.saw(who(session), versions[session] ?? 0)] };
    return { op, sights: [likes.saw(key, who(session), members.has(who(session)))] };
  }

  while (ids < operations || under.size > 0) {
    const session = random.below(SESSIONS);
    const waiting = under.get(session);
    if (waiting !== undefined) {
      steps.push(waiting);
      under.delete(session);
    } else if (ids < operations) {
      const next = step(session);
      steps.push({ op: next.op, sights: undefined });
      under.set(session, next);
    }
  }
  const finals: Sight[] = [];
  for (const [key, list] of lists) if (list.length > 0) finals.push(notes.saw(key, list));
  for (const [session, version] of versions.entries()) finals.push(bios.saw(who(session), version));
  for (const [key, members] of liked) {
    finals.push(likes.counted(key, members.size));
    for (const member of members) finals.push(likes.saw(key, member, true));
  }
  for (const [name, inbox] of inboxes) finals.push(notices.saw(name, inbox));
  return { steps, finals };
}

const operations = Number(process.argv[2] ?? 1_000_000);
const { steps, finals } = record(operations);

const ledger = createLedger(MODEL);
const began = process.cpuUsage();
for (const { op, sights } of steps) {
  if (sights === undefined) ledger.begin(op);
  else ledger.end(op, "ok", sights);
}
const online = cpuMs(began);

const auditBegan = process.cpuUsage();
let missing = 0;
for (const sight of finals) missing += ledger.audit(createOp(0, -1, "final read", "read", []), sight, true);
const final = cpuMs(auditBegan);

const found = Object.values(ledger.violations.counts).reduce((sum, count) => sum + count, 0);
if (found > 0 || missing > 0) {
  const [first] = ledger.violations.list();
  throw new Error(`a sound history raised ${found} alarms: ${first?.says}`);
}
const rss = process.memoryUsage().rss / 1024 / 1024;
console.log(`online: ${Math.round(operations / (online / 1000)).toLocaleString("en")} operations/s (bar 100,000)`);
console.log(
  `final audit of ${operations.toLocaleString("en")} operations, ${finals.length.toLocaleString("en")} reads: ${(final / 1000).toFixed(2)} s (bar 10 s)`,
);
console.log(`memory with the recorded history: ${Math.round(rss)} MB`);

/** Processor time of all threads of this process, in milliseconds. */
function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1_000;
}
