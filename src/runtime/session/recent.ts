import { randomBytes } from "node:crypto";
import { LRUCache } from "lru-cache";
import { advance, type Position } from "./position.ts";

/** 64 random bits in base64url. */
export function newSessionId(): string {
  return randomBytes(8).toString("base64url");
}

interface Recent {
  readonly furthest: Map<string, Position>;
  /** The token that was given last, and what it says. */
  given?: { readonly token: string; readonly positions: readonly Position[] };
}

/**
 * What the sessions of this process have seen lately. A client with two requests under way takes whichever cookie comes
 * last, which may be the one that knows less; its next request finds here what the other one knew.
 * @param limit sessions that are remembered; the one longest without a write is forgotten first
 */
export function recentSessions(limit = 10_000) {
  const sessions = new LRUCache<string, Recent>({ max: limit });
  return {
    /** Adds what a session has seen, and gives all that is known of it. */
    add(id: string, positions: Iterable<Position>): readonly Position[] {
      const session = sessions.get(id) ?? { furthest: new Map<string, Position>() };
      for (const position of positions) advance(session.furthest, position);
      sessions.set(id, session);
      return [...session.furthest.values()];
    },
    /** What a client's token says, and what is known beyond it. */
    with(id: string, positions: readonly Position[]): readonly Position[] {
      const session = sessions.peek(id);
      if (session === undefined || positions === session.given?.positions) return positions;
      const all = new Map(session.furthest);
      for (const position of positions) advance(all, position);
      return [...all.values()];
    },
    /** The session's client is given this token, which says all that is known of it. */
    give(id: string, token: string, positions: readonly Position[]): void {
      const session = sessions.peek(id);
      if (session !== undefined) session.given = { token, positions };
    },
    /** What the token says, if it is the one that the session's client was given last. */
    given(id: string, token: string): readonly Position[] | undefined {
      const given = sessions.peek(id)?.given;
      return given?.token === token ? given.positions : undefined;
    },
  };
}
