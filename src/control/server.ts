import { timingSafeEqual } from "node:crypto";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { z } from "zod";
import { createServer } from "../topology/node-http.ts";
import { NinefoldError } from "../topology/problem.ts";
import type { Backups } from "./backups/backups.ts";
import { BackupRequest, RestoreRequest } from "./backups/views.ts";
import type { PlanView, StatusView, SwitchoverView, TopologyView } from "./event.ts";
import { Change, Switchover } from "./event.ts";
import { DiskFull, PlanUnderWay, RequestRefused, reportOf } from "./problem.ts";

/** What the interface offers, apart from HTTP. */
export interface ControlService {
  status(): Promise<StatusView>;
  plan(change: Change): Promise<PlanView>;
  begin(change: Change): Promise<PlanView>;
  /** Returns when another member leads. */
  switchover(wanted: Switchover): Promise<SwitchoverView>;
  readonly backups: Backups;
  planById(id: number): PlanView | undefined;
  topologies(): TopologyView[];
  /** Writes a plan's events (all plans' with undefined) to `send` until they end or the signal is aborted. */
  follow(plan: number | undefined, after: number, send: (event: object) => void, gone: AbortSignal): Promise<void>;
}

/** Longest body of a request, in bytes. */
const MAX_BODY = 1_048_576;
/** A comment on an event stream that is otherwise silent, so that either side notices when the other is gone. */
const HEARTBEAT_MS = 15_000;

type Route = (service: ControlService, request: IncomingMessage, url: URL) => Promise<unknown>;

const ROUTES: Readonly<Record<string, Route>> = {
  "GET /v1/status": (service) => service.status(),
  "GET /v1/topologies": async (service) => service.topologies(),
  "POST /v1/plan": async (service, request) => service.plan(await changeFrom(request)),
  "POST /v1/apply": async (service, request) => service.begin(await changeFrom(request)),
  "POST /v1/deploy": async (service, request) => service.begin(await changeFrom(request, "deploy")),
  "POST /v1/scale": async (service, request) => service.begin(await changeFrom(request, "scale")),
  "POST /v1/undo": async (service, request) => service.begin(await changeFrom(request, "undo")),
  "POST /v1/down": async (service, request) => service.begin(await changeFrom(request, "down")),
  "POST /v1/switchover": async (service, request) => service.switchover(await bodyOf(Switchover, request)),
  "GET /v1/backups": ({ backups }) => backups.list(),
  "POST /v1/backups": async ({ backups }, request) => backups.begin(await bodyOf(BackupRequest, request)),
  "POST /v1/backups/verify": async ({ backups }) => backups.verify(),
  "POST /v1/backups/off": async ({ backups }) => ({ done: await backups.off() }),
  "GET /v1/backups/work": async ({ backups }) => ({ work: backups.work() }),
  "POST /v1/restore": async ({ backups }, request) => backups.restore(await bodyOf(RestoreRequest, request)),
  "POST /v1/restore/use": async ({ backups }) => backups.use(),
  "POST /v1/restore/back": async ({ backups }) => backups.back(),
  "POST /v1/restore/drop": async ({ backups }) => ({ done: await backups.drop() }),
  "GET /v1/plans": async (service, _, url) => {
    const id = Number(url.pathname.split("/")[3]);
    const plan = Number.isSafeInteger(id) ? service.planById(id) : undefined;
    if (plan !== undefined) return plan;
    throw new RequestRefused(404, "no-such-plan", {
      at: url.pathname,
      says: "there is no such plan",
      fix: "see `ninefold status`",
    });
  },
};

/**
 * The control plane's interface. Listen on a loopback address only. Every request needs the token; those that a web page
 * of another origin made a browser send are refused even with it.
 */
export function controlServer(service: ControlService, token: string): Server {
  const server = createServer(
    { requestTimeout: 30_000, headersTimeout: 10_000, maxHeaderSize: 16_384 },
    (request, response) => {
      void answer(service, token, request, response);
    },
  );
  server.maxConnections = 256;
  return server;
}

async function answer(
  service: ControlService,
  token: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    admit(request, token);
    const url = urlOf(request);
    if (request.method === "GET" && url.pathname === "/v1/events") return await stream(service, url, response);
    const path = url.pathname.startsWith("/v1/plans/") ? "/v1/plans" : url.pathname;
    const route = Object.hasOwn(ROUTES, `${request.method} ${path}`) ? ROUTES[`${request.method} ${path}`] : undefined;
    if (route === undefined) throw noRoute(request, path);
    send(response, 200, await route(service, request, url));
  } catch (error) {
    if (response.headersSent) response.destroy();
    else send(response, statusOf(error), reportOf(error));
  }
}

function admit(request: IncomingMessage, token: string): void {
  const refuse = (status: number, at: string, says: string) => {
    const fix =
      "use the `ninefold` command, or the address and token in `.ninefold/control.json` and `.ninefold/control.token`";
    return new RequestRefused(status, "not-admitted", { at, says, fix });
  };
  const { host, origin, authorization } = request.headers;
  const own = [`127.0.0.1:${request.socket.localPort}`, `localhost:${request.socket.localPort}`];
  if (host === undefined || !own.includes(host)) throw refuse(403, "Host", "this address is not ours");
  if (origin !== undefined && !own.some((address) => origin === `http://${address}`)) {
    throw refuse(403, "Origin", "requests of other web pages are refused");
  }
  const given = Buffer.from(authorization?.replace(/^Bearer /i, "") ?? "");
  const wanted = Buffer.from(token);
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
    throw refuse(401, "Authorization", "the token is missing or wrong");
  }
}

function urlOf(request: IncomingMessage): URL {
  const url = URL.parse(request.url ?? "/", "http://control");
  if (url !== null) return url;
  throw new RequestRefused(400, "bad-request", {
    at: "request",
    says: "its path is malformed",
    fix: "correct the path",
  });
}

function noRoute(request: IncomingMessage, path: string): RequestRefused {
  const known = Object.keys(ROUTES).some((route) => route.endsWith(` ${path}`)) || path === "/v1/events";
  const says = known ? `${request.method} is not possible here` : "there is nothing here";
  return new RequestRefused(known ? 405 : 404, "no-such-route", { at: path, says, fix: "see docs/how-it-works.md" });
}

function changeFrom(request: IncomingMessage, kind?: Change["kind"]): Promise<Change> {
  return bodyOf(Change, request, kind === undefined ? {} : { kind });
}

/** The body, with what the path says of it. */
async function bodyOf<T>(schema: z.ZodType<T>, request: IncomingMessage, says: object = {}): Promise<T> {
  if (!/^application\/json\b/i.test(request.headers["content-type"] ?? "")) {
    throw new RequestRefused(415, "bad-request", {
      at: "Content-Type",
      says: "the body is not JSON",
      fix: "send `application/json`",
    });
  }
  const body = await readJson(request);
  const isObject = typeof body === "object" && body !== null && !Array.isArray(body);
  const parsed = schema.safeParse(isObject ? { ...body, ...says } : body);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const at = issue === undefined || issue.path.length === 0 ? "body" : issue.path.map(String).join(".");
  throw new RequestRefused(400, "bad-request", {
    at,
    says: issue?.message ?? "it is malformed",
    fix: "correct the request",
  });
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_BODY) {
      throw new RequestRefused(413, "bad-request", {
        at: "body",
        says: `it is longer than ${MAX_BODY} bytes`,
        fix: "send less",
      });
    }
    chunks.push(chunk as Buffer);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw new RequestRefused(400, "bad-request", { at: "body", says: "it is not JSON", fix: "correct the request" });
  }
}

const Query = z.object({
  plan: z.coerce.number().int().min(1).optional(),
  after: z.coerce.number().int().min(0).default(0),
});

async function stream(service: ControlService, url: URL, response: ServerResponse): Promise<void> {
  const query = Query.safeParse(Object.fromEntries(url.searchParams));
  if (!query.success) {
    throw new RequestRefused(400, "bad-request", {
      at: url.search,
      says: "`plan` and `after` are numbers",
      fix: "correct the request",
    });
  }
  const { plan, after } = query.data;
  if (plan !== undefined && service.planById(plan) === undefined) {
    throw new RequestRefused(404, "no-such-plan", {
      at: `plan ${plan}`,
      says: "there is no such plan",
      fix: "see `ninefold status`",
    });
  }
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  response.flushHeaders();
  const heartbeat = setInterval(() => response.write(":\n\n"), HEARTBEAT_MS);
  try {
    await service.follow(plan, after, (event) => response.write(`data: ${JSON.stringify(event)}\n\n`), gone.signal);
  } finally {
    clearInterval(heartbeat);
    response.end();
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  // A body that was not read to its end would be taken for the next request.
  const close = status === 413 ? { connection: "close" } : {};
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store", ...close });
  response.end(JSON.stringify(body));
}

function statusOf(error: unknown): number {
  if (error instanceof RequestRefused) return error.status;
  if (error instanceof PlanUnderWay) return 409;
  if (error instanceof DiskFull) return 507;
  return error instanceof NinefoldError ? 422 : 500;
}
