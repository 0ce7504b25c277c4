import { Client, type Dispatcher } from "undici";
import type { Request } from "../definition.ts";
import { createCookieJar } from "./cookies.ts";

/** How one request ended on the wire. `sent` is false when certainly not a byte of it was sent. */
export type Reply =
  | { readonly answered: true; readonly status: number; readonly body: string }
  | { readonly answered: false; readonly sent: boolean; readonly reason: string };

/**
 * One simulated user's connection: keep-alive as browsers and HTTP libraries do it, one request at a time, and no retries
 * at all, not even of a GET on an idle connection that the server closed: whatever a user could notice is seen.
 */
export interface Session {
  authorization: string | undefined;
  send(request: Request, done: (reply: Reply) => void): void;
  close(): Promise<void>;
}

export interface SessionOptions {
  /** Origin, such as `http://localhost:8080`. */
  readonly origin: string;
  readonly cookies: boolean;
  /** Longest wait for an answer in milliseconds; after it the outcome is unknown. */
  readonly timeoutMs: number;
}

export function createSession({ origin, cookies, timeoutMs }: SessionOptions): Session {
  const client = new Client(origin, {
    connect: { timeout: timeoutMs },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    pipelining: 1,
  });
  const jar = cookies ? createCookieJar() : undefined;
  const session: Session = {
    authorization: undefined,
    send(request, done) {
      const headers = ["accept", "application/json"];
      if (session.authorization !== undefined && request.anonymous !== true) {
        headers.push("authorization", session.authorization);
      }
      const cookie = jar?.header();
      if (cookie !== undefined) headers.push("cookie", cookie);
      let body: string | null = null;
      if (request.body !== undefined) {
        body = JSON.stringify(request.body);
        headers.push("content-type", "application/json");
      }
      client.dispatch({ path: request.path, method: request.method, headers, body }, handler(done, jar?.take));
    },
    close: () => client.destroy(),
  };
  return session;
}

function handler(done: (reply: Reply) => void, take?: (cookie: string) => void): Dispatcher.DispatchHandler {
  let sent = false;
  let status = 0;
  const chunks: Buffer[] = [];
  return {
    onRequestStart() {
      sent = true;
    },
    onResponseStart(_controller, statusCode, headers) {
      status = statusCode;
      const cookies = headers["set-cookie"];
      if (take === undefined || cookies === undefined) return;
      for (const cookie of Array.isArray(cookies) ? cookies : [cookies]) take(cookie);
    },
    onResponseData(_controller, chunk) {
      chunks.push(chunk);
    },
    onResponseEnd() {
      const body = chunks.length === 1 ? chunks[0]?.toString("utf8") : Buffer.concat(chunks).toString("utf8");
      done({ answered: true, status, body: body ?? "" });
    },
    onResponseError(_controller, error) {
      // Later, because undici is not done with the connection yet and must not be given the next request now.
      queueMicrotask(() => done({ answered: false, sent, reason: describe(error) }));
    },
  };
}

function describe(error: Error): string {
  const code = "code" in error && typeof error.code === "string" ? error.code : error.name;
  return error.message === "" ? code : `${code}: ${error.message}`;
}
