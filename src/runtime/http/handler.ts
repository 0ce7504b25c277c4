import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { NinefoldError } from "../../topology/problem.ts";
import type { FastifyLike, FetchLike, HttpApp } from "../service.ts";
import { answerOwnErrors } from "./error-handlers.ts";
import { fetchListener } from "./fetch.ts";

/** A user's app in the one form the server knows. */
export interface Handler {
  handle(request: IncomingMessage, response: ServerResponse): unknown;
  /** Present when the app takes upgrades such as WebSocket. */
  readonly upgrade: ((request: IncomingMessage, socket: Duplex, head: Buffer) => void) | undefined;
  close(): Promise<void>;
}

/** `http` returned something that is no app. */
export class NotAnApp extends NinefoldError {
  constructor(got: unknown) {
    super("not-an-app", {
      at: "http",
      says: `returned ${got === null ? "null" : typeof got}, which is neither a Fastify instance, nor an object with \`fetch\` (Hono), nor a (request, response) function`,
      fix: "Return the app itself: `http: ({ db }) => buildApp(db)`",
    });
  }
}

/** Makes a handler of the app, after the app has made itself ready. */
export async function toHandler(app: HttpApp): Promise<Handler> {
  if (isFastify(app)) {
    answerOwnErrors(app);
    await app.ready();
    return {
      handle: (request, response) => app.routing(request, response),
      upgrade: upgradeOf((app as { server?: unknown }).server),
      close: async () => {
        await app.close();
      },
    };
  }
  const none = async () => {};
  if (typeof app === "function") return { handle: app, upgrade: upgradeOf(app), close: none };
  if (isFetch(app)) {
    answerOwnErrors(app);
    return { handle: fetchListener(app), upgrade: upgradeOf(app), close: none };
  }
  throw new NotAnApp(app);
}

function isFastify(app: unknown): app is FastifyLike {
  return has(app, "routing") && has(app, "ready");
}

function isFetch(app: unknown): app is FetchLike {
  return has(app, "fetch");
}

function has(value: unknown, method: string): boolean {
  return typeof value === "object" && value !== null && typeof Reflect.get(value, method) === "function";
}

interface Emits {
  listenerCount(event: string): number;
  emit(event: string, ...args: unknown[]): boolean;
}

/** Upgrades go to whoever listens for `upgrade` on the app (or on Fastify's own server, where its plugins listen). */
function upgradeOf(target: unknown): Handler["upgrade"] {
  if (target === null || (typeof target !== "object" && typeof target !== "function")) return undefined;
  if (!("listenerCount" in target && "emit" in target)) return undefined;
  const emitter = target as Emits;
  if (emitter.listenerCount("upgrade") === 0) return undefined;
  return (request, socket, head) => void emitter.emit("upgrade", request, socket, head);
}
