import type { FastifyReply, FastifyRequest, onRequestHookHandler } from "fastify";
import { tokenInvalid, tokenMissing } from "../problems.ts";
import type { Tokens } from "../token.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Id of the user whose token came with the request; set by the hooks below. */
    viewer: number | undefined;
  }
}

/** Hooks that run before anything else of a request is looked at, even its body. */
export interface Authentication {
  /** Refuses a request without a good token. */
  readonly required: onRequestHookHandler;
  /** Lets strangers through, but not a bad token: who sends one would take himself for signed in. */
  readonly optional: onRequestHookHandler;
  /** Takes a bad token for none; for what the contract gives to everybody. */
  readonly lenient: onRequestHookHandler;
}

export function authentication(tokens: Tokens): Authentication {
  const viewerOf = (request: FastifyRequest) => {
    const [, token] = /^(?:Token|Bearer) +(\S+)$/i.exec(request.headers.authorization ?? "") ?? [];
    return token === undefined ? undefined : tokens.verify(token);
  };
  const hook =
    (refusal: (request: FastifyRequest) => Error | undefined): onRequestHookHandler =>
    (request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void) => {
      request.viewer = viewerOf(request);
      done(request.viewer === undefined ? refusal(request) : undefined);
    };
  const given = (request: FastifyRequest) => (request.headers.authorization ?? "").trim() !== "";
  return {
    required: hook((request) => (given(request) ? tokenInvalid() : tokenMissing())),
    optional: hook((request) => (given(request) ? tokenInvalid() : undefined)),
    lenient: hook(() => undefined),
  };
}

/** The signed-in user's id, on a route with the `required` hook. */
export function signedIn(request: FastifyRequest): number {
  if (request.viewer === undefined) throw tokenMissing();
  return request.viewer;
}
