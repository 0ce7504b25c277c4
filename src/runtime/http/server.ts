import { type AddressInfo, Server as NetServer, type Socket } from "node:net";
import type { Logger } from "pino";
import type { InstanceConfig } from "../../topology/instance-config.ts";
import { createServer } from "../../topology/node-http.ts";
import type { Assets } from "../assets/assets.ts";
import { Context, runInContext } from "../context.ts";
import { accessLog } from "./access-log.ts";
import { answerFor } from "./errors.ts";
import type { Handler } from "./handler.ts";
import { type HeadHooks, Request, Response } from "./message.ts";
import { originsBehind } from "./origin.ts";
import { createGate } from "./overload.ts";
import { createReadiness, READY_PATH } from "./ready.ts";
import { closeAfterBody, declaredLength, hasBody, refuse } from "./refuse.ts";
import { requestId } from "./request-id.ts";
import type { Sessions } from "./sessions.ts";

export interface HttpOptions {
  readonly handler: Handler;
  readonly assets: Assets | undefined;
  readonly sessions: Sessions;
  readonly log: Logger;
  readonly datacenter: string;
  readonly limits: InstanceConfig["http"];
  /** How long a statement waits for a database connection, milliseconds. Asked every 20 ms while there is work. */
  readonly queueMs: () => number;
  /** A response of which the client takes nothing for this long is cut off. Milliseconds, default 30,000. */
  readonly stallMs?: number;
}

export interface HttpServer {
  /** Starts to accept: on an inherited listening socket or an address. Throws the system's error, such as EADDRINUSE. */
  listen(where: NonNullable<InstanceConfig["listen"]>): Promise<AddressInfo>;
  /**
   * Stops accepting and ends when every connection has, or after `withinMs`, and then gives how many were cut off. No
   * connection is closed under a client that may be sending on it: each is told with its next response, and an idle one
   * ends when the idle time that the client was told is over. Behind balancers it goes on accepting until they have seen
   * at {@link READY_PATH} that it leaves, and then ends their idle connections itself.
   */
  drain(withinMs: number): Promise<{ cut: number }>;
  stats(): { inFlight: number; connections: number; limit: number; draining: boolean };
}

const MAX_CONNECTIONS = 10_000;
/** Connections that wait to be accepted. Setting it on an inherited socket sets it for all its holders. */
const BACKLOG = 4_096;
const MAX_HEADER_BYTES = 16 * 1_024;
/**
 * Idle time after which we end a balancer's connection, in milliseconds. Longer than any balancer keeps one: if both
 * ended it at the same time, a request could be on its way on a connection that is gone.
 */
const PROXY_KEEP_ALIVE_MS = 90_000;

/** The server in front of the user's app: limits, request id, session, assets, app, in this order. */
export function createHttpServer(options: HttpOptions): HttpServer {
  const { handler, assets, sessions, log, datacenter, limits } = options;
  const open = new Set<Response>();
  const sockets = new Set<Socket>();
  const logged = accessLog(log);
  const origins = originsBehind(limits.trustedProxies);
  const readiness = createReadiness();
  /** Connections of balancers on which no request is under way. */
  const idle = new Set<Socket>();
  let draining = false;
  let empty: (() => void) | undefined;

  /** Resolves when no connection is open. */
  const emptied = () =>
    new Promise<void>((resolve) => {
      if (sockets.size === 0) resolve();
      else empty = resolve;
    });

  const gate = createGate(limits.maxInFlight, options.queueMs, () => open.size);

  const hooks: HeadHooks = {
    token: (context) => sessions.token(context.session),
    cookie: sessions.cookie,
    // A pipelined request behind this one is answered before the connection ends.
    closing: (response) => draining && !hasOther(response),
  };
  const hasOther = (response: Response) => {
    for (const other of open) if (other !== response && other.req.socket === response.req.socket) return true;
    return false;
  };

  function finished(this: Response) {
    open.delete(this);
    logged(this);
  }

  /** After Node has set its own idle time, which is meant for clients. */
  function restsForProxy(this: Response) {
    const { socket } = this.req;
    if (socket.destroyed) return;
    socket.setTimeout(PROXY_KEEP_ALIVE_MS);
    idle.add(socket);
  }

  /** Limits. Gives false when the request was refused. */
  const admit = (request: Request, response: Response): boolean => {
    response.requestId = requestId(request.headers["x-request-id"]);
    response.hooks = hooks;
    response.started = performance.now();
    const admitted = gate.admits(open.size);
    open.add(response);
    response.on("close", finished);
    if (origins.trusts(request)) {
      idle.delete(request.socket);
      response.on("finish", restsForProxy);
    }
    if (!admitted) {
      refuse(request, response, 503, "overloaded", "The service is busy. Try again.", { "retry-after": "1" });
      return false;
    }
    const length = declaredLength(request);
    if (length !== undefined && length > limits.maxBodyBytes) {
      tooLong(request, response);
      return false;
    }
    return true;
  };

  const tooLong = (request: Request, response: Response) => {
    if (response.headersSent) {
      request.destroy();
      return;
    }
    refuse(request, response, 413, "body-too-long", `A request's body may have ${limits.maxBodyBytes} bytes.`);
  };

  const failed = (error: unknown, response: Response) => {
    const answer = answerFor(error);
    const line = response.context?.log ?? log;
    if (answer.status === 500) line.error({ err: error }, "request failed");
    else line.warn({ err: error, code: answer.body.code }, "request refused");
    if (response.headersSent) {
      response.destroy();
      return;
    }
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    refuse(response.req, response, answer.status, answer.body.code, answer.body.message, answer.headers);
  };

  const answer = (request: Request, response: Response) => {
    try {
      const result = handler.handle(request, response);
      if (result instanceof Promise) result.catch((error: unknown) => failed(error, response));
    } catch (error) {
      failed(error, response);
    }
  };

  const serve = (request: Request, response: Response) => {
    const asset = assets?.serve(request, response) ?? false;
    if (asset === true) return;
    if (asset === false) serveApp(request, response);
    else
      asset.then(
        (served) => served || serveApp(request, response),
        (error: unknown) => failed(error, response),
      );
  };

  const serveApp = (request: Request, response: Response) => {
    const session = sessions.open(request);
    const context = new Context(response.requestId, datacenter, session, log, () => origins.of(request));
    if (hasBody(request)) {
      closeAfterBody(request);
      request.allowance = limits.maxBodyBytes;
      request.onTooLong = () => {
        tooLong(request, response);
        // The app, which waits for the rest of the body, learns that it will not come.
        response.once("finish", () =>
          request.emit("error", Object.assign(new Error("aborted"), { code: "ECONNRESET" })),
        );
      };
    }
    request.context = context;
    response.context = context;
    runInContext(context, answer, request, response);
  };

  const server = createServer<typeof Request, typeof Response>(
    {
      IncomingMessage: Request,
      ServerResponse: Response,
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: Math.min(1_000, Math.max(50, limits.headersTimeoutMs / 4)),
    },
    (request, response) => {
      if (request.url === READY_PATH) {
        if (origins.isNear(request)) readiness.answer(request, response);
        else refuse(request, response, 404, "not-found", "There is nothing here.");
        return;
      }
      origins.strip(request);
      if (admit(request, response)) serve(request, response);
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.timeout = options.stallMs ?? 30_000;

  server.on("checkContinue", (request: Request, response: Response) => {
    origins.strip(request);
    if (!admit(request, response)) return;
    response.writeContinue();
    serve(request, response);
  });

  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => {
      sockets.delete(socket);
      idle.delete(socket);
      if (sockets.size === 0) empty?.();
    });
  });

  // Nothing moved on this connection for a while: an idle one has had its keep-alive time; a response that has data to
  // send has a client that does not take it; anything else is an app that takes its time.
  server.on("timeout", (socket: Socket) => {
    let busy = false;
    for (const response of open) if (response.req.socket === socket) busy = true;
    if (busy && socket.writableLength === 0) socket.setTimeout(server.timeout);
    else socket.destroy();
  });

  const { upgrade } = handler;
  if (upgrade !== undefined) {
    server.on("upgrade", (request, socket, head) => {
      origins.strip(request);
      upgrade(request, socket, head);
    });
  }

  return {
    listen: (where) =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        const at = "fd" in where ? { fd: where.fd } : { host: where.host, port: where.port };
        server.listen({ ...at, backlog: BACKLOG }, () => {
          server.off("error", reject);
          resolve(server.address() as AddressInfo);
        });
      }),
    async drain(withinMs) {
      draining = true;
      const told = readiness.leave(withinMs);
      // A balancer from which this server was taken has closed its connections, and asks no more.
      if (limits.trustedProxies.length > 0) await Promise.race([told, emptied()]);
      const { promise, resolve } = Promise.withResolvers<void>();
      // Not http.Server's own close: it ends idle connections, and a request may be on its way on one of them.
      NetServer.prototype.close.call(server, () => resolve());
      // A balancer that has been told sends nothing any more, so its idle connections end at once.
      for (const socket of idle) socket.end();
      const deadline = setTimeout(resolve, withinMs);
      await promise;
      clearTimeout(deadline);
      gate.close();
      const cut = open.size;
      for (const socket of sockets) socket.destroy();
      await handler.close();
      return { cut };
    },
    stats: () => ({ inFlight: open.size, connections: sockets.size, limit: gate.limit(), draining }),
  };
}
