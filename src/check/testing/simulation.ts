import { createLedger, type Ledger } from "../ledger/ledger.ts";
import type { Claim, Sight } from "../model.ts";
import { createOp, type Kind, type Op, type Outcome } from "../operation.ts";
import { createRandom } from "../random.ts";
import * as store from "./store.ts";

/** One thing that the simulated service does wrong, once. */
export const ANOMALIES = [
  "stale read",
  "non-monotonic read",
  "lost write",
  "duplicated append",
  "aborted read",
  "garbage",
  "reordered writes",
  "undone removal",
  "lost effect",
  "duplicated effect",
  "effect of a failed operation",
  "register going back",
  "stale register",
  "lost membership",
  "counter mismatch",
] as const;
export type Anomaly = (typeof ANOMALIES)[number];

export interface SimulationOptions {
  readonly seed: number;
  readonly sessions: number;
  readonly operations: number;
  readonly anomaly?: Anomaly;
}

/** A request under way. */
interface Flight {
  readonly op: Op;
  readonly session: number;
  readonly change: store.Change | undefined;
  readonly read: ((state: store.State) => Sight[]) | undefined;
  /** Index of the store's version that its change made. */
  committed: number | undefined;
}

/**
 * A service with lagging replicas, session guarantees, writes of unknown outcome that may land late, and effects that
 * come later; all of it allowed. With an anomaly, it also does that one thing, after a third of the operations.
 * The ledger is then audited against the final state.
 */
export function simulate({ seed, sessions, operations, anomaly }: SimulationOptions): Ledger {
  const random = createRandom(seed);
  const ledger = createLedger(store.MODEL);
  const versions: store.State[] = [store.EMPTY];
  const floors = new Array<number>(sessions).fill(0);
  const busy = new Map<number, Flight>();
  const zombies: store.Change[] = [];
  const deliveries: Array<{ receiver: string; token: string }> = [];
  const acked: Array<{ token: string; key: string; session: number }> = [];
  const bioVersions = new Array<number>(sessions).fill(0);
  let ids = 0;
  let tokens = 0;
  const who = (session: number) => `u${session}`;
  const key = () => `k${random.below(3)}`;
  const latest = () => versions[versions.length - 1] ?? store.EMPTY;

  function commit(change: store.Change): number {
    versions.push(store.apply(latest(), change));
    if (change.kind === "append" && change.key.startsWith("articles")) {
      for (const receiver of latest().sets.get(store.setKey(store.follows, change.key)) ?? []) {
        deliveries.push({ receiver, token: change.token });
      }
    }
    return versions.length - 1;
  }

  function begin(session: number, kind: Kind, claims: Claim[], rest: Pick<Flight, "change" | "read">): Flight {
    const op = createOp(++ids, session, kind, kind, claims);
    ledger.begin(op);
    const flight: Flight = { op, session, ...rest, committed: undefined };
    busy.set(session, flight);
    return flight;
  }

  const write = (session: number, claims: Claim[], change: store.Change) =>
    begin(session, change.kind === "remove" ? "delete" : "write", claims, { change, read: undefined });
  const look = (session: number, read: (state: store.State) => Sight[]) =>
    begin(session, "read", [], { change: undefined, read });

  function append(session: number, at: string): Flight {
    const token = `t${tokens++}`;
    const claims: Claim[] = [store.notes.append(at, token)];
    if (at.startsWith("articles")) claims.push(store.notices.emit(token, { set: store.follows, key: at }));
    return write(session, claims, { kind: "append", key: at, token });
  }

  function overwrite(session: number): Flight {
    const version = (bioVersions[session] ?? 0) + 1;
    bioVersions[session] = version;
    return write(session, [store.bios.write(who(session), version)], { kind: "write", key: who(session), version });
  }

  function change(session: number, part: typeof store.likes, at: string, joins: boolean): Flight {
    const claim = joins ? part.join(at, who(session)) : part.leave(at, who(session));
    const kind = joins ? "join" : "leave";
    return write(session, [claim], { kind, key: store.setKey(part, at), member: who(session) });
  }

  function start(session: number) {
    const roll = random.next();
    const other = who(random.below(sessions));
    const at = random.chance(0.3) ? `articles${random.below(2)}` : key();
    if (roll < 0.25) append(session, at);
    else if (roll < 0.32) overwrite(session);
    else if (roll < 0.4) change(session, store.likes, key(), random.chance(0.6));
    else if (roll < 0.45) change(session, store.follows, `articles${random.below(2)}`, random.chance(0.7));
    else if (roll < 0.5) {
      const index = random.below(acked.length);
      const target = acked[index];
      if (target?.session !== session) return;
      acked.splice(index, 1);
      write(session, [store.notes.remove(target.key, target.token)], { kind: "remove", ...target });
    } else if (roll < 0.75) look(session, (state) => [store.seeList(state, at)]);
    else if (roll < 0.83) look(session, (state) => [store.seeValue(state, other)]);
    else if (roll < 0.93) {
      const liked = key();
      look(session, (state) => [
        store.seeMember(state, store.likes, liked, who(session)),
        store.seeCount(state, liked),
      ]);
    } else look(session, (state) => [store.seeInbox(state, who(session))]);
  }

  /** Ends a request; a read sees any version from what its session knows up to the latest. */
  function end(flight: Flight, outcome: Outcome, version?: number) {
    const { op, session } = flight;
    let sights: Sight[] = [];
    const floor = floors[session] ?? 0;
    if (flight.read !== undefined && outcome === "ok") {
      const seen = version ?? floor + random.below(versions.length - floor);
      sights = flight.read(versions[seen] ?? store.EMPTY);
      floors[session] = seen;
    } else if (flight.change !== undefined && outcome === "ok") {
      floors[session] = Math.max(floor, flight.committed ?? 0);
      if (flight.change.kind === "append" && !flight.change.key.includes("quiet")) {
        acked.push({ token: flight.change.token, key: flight.change.key, session });
      }
    } else if (outcome === "unknown" && flight.change !== undefined && flight.committed === undefined) {
      zombies.push(flight.change);
    }
    ledger.end(op, outcome, sights);
    busy.delete(session);
  }

  function finish(flight: Flight) {
    if (flight.change !== undefined && flight.committed === undefined) {
      if (random.chance(0.1)) return end(flight, "failed");
      if (random.chance(0.1)) return end(flight, "unknown");
      flight.committed = commit(flight.change);
    }
    end(flight, random.chance(0.05) ? "unknown" : "ok");
  }

  function done(flight: Flight): Flight {
    if (flight.change !== undefined) flight.committed = commit(flight.change);
    end(flight, "ok", versions.length - 1);
    return flight;
  }

  function deliver() {
    const [next] = deliveries.splice(random.below(deliveries.length), 1);
    if (next !== undefined) commit({ kind: "deliver", ...next });
  }

  function settle() {
    for (const flight of [...busy.values()]) finish(flight);
    while (deliveries.length > 0) deliver();
  }

  /** Does the one thing wrong, on keys that nothing else makes uncertain. */
  function misbehave(what: Anomaly) {
    settle();
    const [a, b] = [0, 1];
    const peek = (session: number, version: number) =>
      end(
        look(session, (state) => [store.seeList(state, "quiet")]),
        "ok",
        version,
      );
    const before = versions.length - 1;
    const tokenOf = (flight: Flight) => (flight.change?.kind === "append" ? flight.change.token : "");
    const acknowledge = (flight: Flight, wrong?: store.Change) => {
      if (wrong !== undefined) flight.committed = commit(wrong);
      end(flight, "ok");
    };
    if (what === "stale read") {
      done(append(a, "quiet"));
      peek(a, before);
    } else if (what === "non-monotonic read") {
      done(append(a, "quiet"));
      peek(b, versions.length - 1);
      peek(b, before);
    } else if (what === "lost write") acknowledge(append(a, "quiet"));
    else if (what === "duplicated append") commit(done(append(a, "quiet")).change ?? never());
    else if (what === "aborted read") {
      const flight = append(a, "quiet");
      commit(flight.change ?? never());
      end(flight, "failed");
    } else if (what === "garbage") peek(a, commit({ kind: "append", key: "quiet", token: "nobody" }));
    else if (what === "reordered writes") {
      const first = tokenOf(done(append(a, "quiet")));
      const second = append(b, "quiet");
      acknowledge(second, { kind: "append", key: "quiet", token: tokenOf(second), before: first });
    } else if (what === "undone removal") {
      const token = tokenOf(done(append(a, "quiet")));
      acknowledge(write(a, [store.notes.remove("quiet", token)], { kind: "remove", key: "quiet", token }));
    } else if (what.includes("effect")) {
      done(change(b, store.follows, "articles-quiet", true));
      const flight = append(a, "articles-quiet");
      const token = tokenOf(flight);
      if (what === "effect of a failed operation") {
        end(flight, "failed");
        commit({ kind: "deliver", receiver: who(b), token });
      } else {
        done(flight);
        if (what === "lost effect") deliveries.length = 0;
        else commit({ kind: "deliver", receiver: who(b), token });
      }
    } else if (what === "register going back") {
      const old = done(overwrite(a)).change;
      done(overwrite(a));
      const back = commit(old ?? never());
      end(
        look(a, (state) => [store.seeValue(state, who(a))]),
        "ok",
        back,
      );
    } else if (what === "stale register") {
      done(overwrite(a));
      const old = versions.length - 1;
      done(overwrite(a));
      end(
        look(a, (state) => [store.seeValue(state, who(a))]),
        "ok",
        old,
      );
    } else if (what === "lost membership") acknowledge(change(a, store.likes, "quiet", true));
    else {
      const flight = change(a, store.likes, "quiet", true);
      acknowledge(flight, { kind: "join", key: store.setKey(store.likes, "quiet"), member: who(a), uncounted: true });
    }
  }

  for (let step = 0; ids < operations; step++) {
    const session = random.below(sessions);
    const flight = busy.get(session);
    if (flight === undefined) start(session);
    else if (flight.change !== undefined && flight.committed === undefined && random.chance(0.4)) {
      flight.committed = commit(flight.change);
    } else finish(flight);
    if (deliveries.length > 0 && random.chance(0.5)) deliver();
    if (zombies.length > 0 && random.chance(0.1)) commit(zombies.splice(random.below(zombies.length), 1)[0] ?? never());
    if (anomaly !== undefined && step === Math.floor(operations / 3)) misbehave(anomaly);
  }
  settle();
  auditAll(ledger, latest());
  return ledger;
}

function never(): never {
  throw new TypeError("the simulation lost track of a change");
}

/** The final audit of the state itself. */
function auditAll(ledger: Ledger, state: store.State) {
  const parts = { likes: store.likes, follows: store.follows };
  for (const { part, key, what, member } of [...ledger.targets()]) {
    const op = createOp(0, -1, "final read", "read", []);
    if (what === "list") ledger.audit(op, store.seeList(state, key), true);
    else if (what === "register") ledger.audit(op, store.seeValue(state, key), true);
    else if (what === "effects") ledger.audit(op, store.seeInbox(state, key), true);
    else if (what === "count") ledger.audit(op, store.seeCount(state, key), true);
    else if (part === "likes" || part === "follows") {
      ledger.audit(op, store.seeMember(state, parts[part], key, member ?? ""), true);
    }
  }
}
