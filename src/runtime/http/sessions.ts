import type { IncomingMessage } from "node:http";
import type { Logger } from "pino";
import { Session, type SessionCodec } from "../session/index.ts";

/** What the server needs of sessions. */
export interface Sessions {
  /**
   * The session that the request's token names; a new one when it has none. A client that brings a token which is not ours
   * or cannot be read, or says who it is (`Authorization`) without one, may have seen anything.
   */
  open(request: IncomingMessage): Session;
  /** The token to give the client, when the session has seen more than the client's token says; otherwise undefined. */
  token(session: Session): string | undefined;
}

const COOKIE = "ninefold_session=";

/** Sessions whose tokens are made and checked by `codec`. A refused token is an ordinary thing (an old browser tab), so a `debug` line. */
export function tokenSessions(codec: SessionCodec, log: Logger): Sessions {
  const refused = (reason: string) =>
    log.debug({ reason }, "a session token was refused; its client may have seen anything");
  return {
    open: (request) => {
      const token = sentToken(request);
      if (token !== undefined || request.headers.authorization === undefined) return codec.open(token, refused);
      return new Session(() => ({ id: undefined, positions: [], incomplete: true }));
    },
    token: (session) => (session.dirty ? session.encode(codec) : undefined),
  };
}

/** The token as the client sent it, in the header or the cookie; undefined when there is none. */
function sentToken(request: IncomingMessage): string | undefined {
  const header = request.headers["ninefold-session"];
  return typeof header === "string" ? header : fromCookie(request.headers.cookie);
}

function fromCookie(cookie: string | undefined): string | undefined {
  if (cookie === undefined) return undefined;
  let at = cookie.indexOf(COOKIE);
  // Only at the start of a pair: `other_ninefold_session=` is another cookie.
  while (at > 0 && cookie[at - 1] !== " " && cookie[at - 1] !== ";") at = cookie.indexOf(COOKIE, at + 1);
  if (at < 0) return undefined;
  const end = cookie.indexOf(";", at);
  return cookie.slice(at + COOKIE.length, end < 0 ? undefined : end).trim();
}
