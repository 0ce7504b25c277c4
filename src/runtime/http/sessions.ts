import type { IncomingMessage } from "node:http";
import type { Logger } from "pino";
import { Session, type SessionCodec } from "../session/index.ts";
import { sessionTokens } from "./session-cookies.ts";

/** What the server needs of sessions. */
export interface Sessions {
  /**
   * The session that the request's tokens name; a new one when it has none. What they know is added up: a client that had two
   * requests under way at the same time has two. A client that brings a token which is not ours or cannot be read, or says who it is (`Authorization`) without one, may have seen anything.
   */
  open(request: IncomingMessage): Session;
  /** Name of the cookie in which the client is given its token. */
  readonly cookie: string;
  /** The token to give the client, when the session has seen more than the client's token says; otherwise undefined. */
  token(session: Session): string | undefined;
}

/** More tokens than instances give are not looked at. */
const MOST_TOKENS = 32;

/**
 * Sessions whose tokens are made and checked by `codec`. A refused token is an ordinary thing (an old browser tab), so a `debug` line.
 * @param cookie name of the cookie that carries the token, see `sessionCookie`
 */
export function tokenSessions(codec: SessionCodec, log: Logger, cookie: string): Sessions {
  const refused = (reason: string) =>
    log.debug({ reason }, "a session token was refused; its client may have seen anything");
  return {
    cookie,
    open: (request) => {
      const tokens = sentTokens(request);
      const known = tokens.length > 0 || request.headers.authorization === undefined;
      if (known && tokens.length <= MOST_TOKENS) return codec.open(tokens, refused);
      return new Session(() => ({ id: undefined, positions: [], incomplete: true }));
    },
    token: (session) => (session.dirty ? session.encode(codec) : undefined),
  };
}

/** The tokens as the client sent them, in the header or in cookies. */
function sentTokens({ headers }: IncomingMessage): string[] {
  const header = headers["ninefold-session"];
  if (typeof header === "string") return header.split(",").map((token) => token.trim());
  return headers.cookie === undefined ? [] : sessionTokens(headers.cookie);
}
