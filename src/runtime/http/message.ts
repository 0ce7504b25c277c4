import type { OutgoingHttpHeader, OutgoingHttpHeaders } from "node:http";
import { IncomingMessage, ServerResponse } from "../../topology/node-http.ts";
import { type Context, runInContext } from "../context.ts";

type GivenHeaders = OutgoingHttpHeaders | readonly OutgoingHttpHeader[];

/** What the server adds to a response just before its head is sent. */
export interface HeadHooks {
  /** The session token to hand to the client, when the request changed its session; otherwise undefined. */
  token(context: Context): string | undefined;
  /** Name of the cookie that carries it. */
  readonly cookie: string;
  /** True when the connection must end after this response. */
  closing(response: Response): boolean;
}

/** A request whose body is counted, and whose body events belong to the request's context (Node emits them in the connection's). */
export class Request extends IncomingMessage {
  context: Context | undefined;
  /** Bytes of body that may still come. */
  allowance = Number.POSITIVE_INFINITY;
  onTooLong: (() => void) | undefined;

  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    if (chunk !== null && this.onTooLong !== undefined) {
      this.allowance -= (chunk as Buffer).length;
      if (this.allowance < 0) {
        const tell = this.onTooLong;
        // The rest is read and dropped: the client must be able to read the refusal, which a reset connection would lose.
        this.push = () => true;
        tell();
        return true;
      }
    }
    // Most requests have no body and nobody who waits for its end.
    if (this.context === undefined || (chunk === null && this.listenerCount("end") === 0))
      return super.push(chunk, encoding);
    return runInContext(this.context, (c: unknown, e?: BufferEncoding) => super.push(c, e), chunk, encoding);
  }
}

/**
 * A response that carries the request's id, the session's token when it changed, whether a failover has cut the session off,
 * and the end of a draining connection.
 */
export class Response extends ServerResponse<Request> {
  context: Context | undefined;
  hooks: HeadHooks | undefined;
  requestId = "";
  /** performance.now() when the request's head had arrived. */
  started = 0;

  override writeHead(status: number, reasonOrHeaders?: string | GivenHeaders, more?: GivenHeaders): this {
    const reason = typeof reasonOrHeaders === "string" ? reasonOrHeaders : undefined;
    const given = reason === undefined ? (reasonOrHeaders as GivenHeaders | undefined) : more;
    const headers = this.hooks === undefined || this.headersSent ? given : this.#complete(this.hooks, given);
    if (reason !== undefined) return super.writeHead(status, reason, headers as OutgoingHttpHeaders);
    return super.writeHead(status, headers as OutgoingHttpHeaders);
  }

  #complete(hooks: HeadHooks, given: GivenHeaders | undefined): GivenHeaders | undefined {
    if (hooks.closing(this)) this.shouldKeepAlive = false;
    const token = this.context === undefined ? undefined : hooks.token(this.context);
    const rest = token === undefined ? given : this.#addToken(hooks.cookie, token, given);
    if (rest === undefined || Array.isArray(rest)) {
      this.setHeader("x-request-id", this.requestId);
      return rest;
    }
    // A copy, never the app's own object: it may be a constant that every response shares.
    const copy: OutgoingHttpHeaders = { "x-request-id": this.requestId };
    const object = rest as OutgoingHttpHeaders;
    for (const name in object) {
      if (name.length === 12 && name.toLowerCase() === "x-request-id") continue;
      copy[name] = object[name];
    }
    return copy;
  }

  /** Adds the cookie beside those the app sets, in whichever of Node's ways it sets them. */
  #addToken(cookie: string, token: string, given: GivenHeaders | undefined): GivenHeaders | undefined {
    const cookies: string[] = [];
    const rest = given === undefined ? undefined : withoutCookies(given, cookies);
    if (cookies.length === 0) cookies.push(...[this.getHeader("set-cookie") ?? []].flat().map(String));
    const secure = "encrypted" in this.req.socket || this.req.headers["x-forwarded-proto"] === "https";
    cookies.push(`${cookie}=${token}; Path=/; HttpOnly; SameSite=Lax${secure ? "; Secure" : ""}`);
    this.setHeader("set-cookie", cookies);
    this.setHeader("ninefold-session", token);
    if (this.context?.session.wasCutOff === true) this.setHeader("ninefold-session-reset", "1");
    return rest;
  }

  /** Informational answers are kept from clients: Varnish, in front of the service at rung 6, answers 503 when it meets one. */
  override writeEarlyHints(_hints: Record<string, string | string[]>, callback?: () => void): void {
    if (callback !== undefined) process.nextTick(callback);
  }

  override writeProcessing(callback?: () => void): void {
    if (callback !== undefined) process.nextTick(callback);
  }
}

function withoutCookies(given: GivenHeaders, cookies: string[]): GivenHeaders {
  const isCookie = (name: unknown) => String(name).toLowerCase() === "set-cookie";
  if (!Array.isArray(given)) {
    const rest: OutgoingHttpHeaders = {};
    for (const [name, value] of Object.entries(given as OutgoingHttpHeaders)) {
      if (isCookie(name)) cookies.push(...[value ?? []].flat().map(String));
      else rest[name] = value;
    }
    return rest;
  }
  const flat = given.flat() as OutgoingHttpHeader[];
  const rest: OutgoingHttpHeader[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) {
    if (isCookie(flat[i])) cookies.push(String(flat[i + 1]));
    else rest.push(flat[i] as OutgoingHttpHeader, flat[i + 1] as OutgoingHttpHeader);
  }
  return rest;
}
