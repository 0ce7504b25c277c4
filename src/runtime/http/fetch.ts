import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { context } from "../context.ts";
import type { FetchLike } from "../service.ts";

/**
 * A listener for an app with a web-standard `fetch`, such as Hono. Bodies stream both ways with back-pressure; the
 * request's signal is aborted when the client goes away. Own code rather than @hono/node-server: that package replaces
 * the process's global Request and Response, and this is all that is needed of it.
 */
export function fetchListener(app: FetchLike): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (request, response) => {
    const gone = new AbortController();
    response.once("close", () => {
      if (!response.writableFinished) gone.abort(new DOMException("The client went away.", "AbortError"));
    });
    const web = toWeb(request, gone.signal);
    if (web === undefined) {
      response.writeHead(400, { "content-type": "application/json" });
      response.end('{"code":"bad-request","message":"The request\'s target or Host is not a valid address."}');
      return;
    }
    await send(await app.fetch(web), response, request.method === "HEAD");
  };
}

function toWeb(request: IncomingMessage, signal: AbortSignal): Request | undefined {
  const target = request.url ?? "/";
  const { scheme, host } = context().client;
  const url = URL.parse(target.startsWith("/") ? `${scheme}://${host === "" ? "localhost" : host}${target}` : target);
  if (url === null) return undefined;
  const headers = new Headers();
  const raw = request.rawHeaders;
  for (let i = 0; i + 1 < raw.length; i += 2) headers.append(raw[i] ?? "", raw[i + 1] ?? "");
  const method = request.method ?? "GET";
  const bodiless = method === "GET" || method === "HEAD";
  try {
    return new Request(url, {
      method,
      headers,
      signal,
      ...(bodiless ? {} : { body: Readable.toWeb(request) as ReadableStream, duplex: "half" }),
    });
  } catch {
    return undefined;
  }
}

async function send(from: Response, response: ServerResponse, head: boolean): Promise<void> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of from.headers) if (name !== "set-cookie") headers[name] = value;
  const cookies = from.headers.getSetCookie();
  if (cookies.length > 0) headers["set-cookie"] = cookies;
  if (from.statusText !== "") response.writeHead(from.status, from.statusText, headers);
  else response.writeHead(from.status, headers);
  if (from.body === null || head) {
    await from.body?.cancel();
    response.end();
    return;
  }
  const reader = from.body.getReader();
  const closed = once(response, "close");
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (response.destroyed) {
      await reader.cancel();
      return;
    }
    if (!response.write(value)) await Promise.race([once(response, "drain"), closed]);
  }
  response.end();
}
