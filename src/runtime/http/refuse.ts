import { Socket } from "node:net";
import type { Request, Response } from "./message.ts";

const LINGER_MS = 2_000;

/** Answers a request that is not handed to the app, in JSON. */
export function refuse(
  request: Request,
  response: Response,
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = JSON.stringify({ code, message });
  const unread = !request.complete && hasBody(request);
  if (unread) closeGently(request, response);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(body)),
    ...headers,
    ...(unread ? { connection: "close" } : {}),
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

export function hasBody(request: Request): boolean {
  return request.headers["transfer-encoding"] !== undefined || (declaredLength(request) ?? 0) > 0;
}

/** Length of the body as declared, or undefined. Node has refused anything that is not digits. */
export function declaredLength(request: Request): number | undefined {
  const value = request.headers["content-length"];
  return value === undefined ? undefined : Number(value);
}

/**
 * Reads the rest of a body before a connection is closed of which an app has answered the request without it, for a while. A balancer
 * in front gives such an answer on only when its whole request was taken, and see {@link closeGently}.
 */
export function closeAfterBody(request: Request): void {
  const { socket } = request;
  const close = () => Socket.prototype.destroySoon.call(socket);
  socket.destroySoon = () => {
    if (request.complete) return close();
    const timer = setTimeout(close, LINGER_MS);
    socket.once("close", () => clearTimeout(timer));
    request.once("end", close).resume();
  };
}

/**
 * Ends our side after the answer and reads what the client still sends, for a while. Closing at once while data is
 * unread makes the kernel reset the connection, and the client may lose the answer that it was sent.
 */
function closeGently(request: Request, response: Response): void {
  const socket = request.socket;
  socket.destroySoon = () => {
    socket.end();
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once("close", () => clearTimeout(timer));
  };
  response.once("finish", () => request.resume());
}
