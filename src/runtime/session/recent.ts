import { randomBytes } from "node:crypto";
import { advance, type Position } from "./position.ts";

/** 64 random bits in base64url. */
export function newSessionId(): string {
  return randomBytes(8).toString("base64url");
}

/**
 * What the sessions of this process have seen lately. A client with two requests under way takes whichever cookie comes
 * last, which may be the one that knows less; its next request finds here what the other one knew.
 * @param limit sessions that are remembered; the one longest without a write is forgotten first
 */
export function recentSessions(limit = 10_000) {
  const furthest = new Map<string, Map<string, Position>>();
  return {
    /** Adds what a session has seen, and gives all that is known of it. */
    add(id: string, positions: Iterable<Position>): readonly Position[] {
      const known = furthest.get(id) ?? new Map<string, Position>();
      for (const position of positions) advance(known, position);
      furthest.delete(id);
      furthest.set(id, known);
      const [oldest] = furthest.keys();
      if (furthest.size > limit && oldest !== undefined) furthest.delete(oldest);
      return [...known.values()];
    },
    /** What a client's token says, and what is known beyond it. */
    with(id: string, positions: readonly Position[]): readonly Position[] {
      const known = furthest.get(id);
      if (known === undefined) return positions;
      const all = new Map(known);
      for (const position of positions) advance(all, position);
      return [...all.values()];
    },
  };
}
