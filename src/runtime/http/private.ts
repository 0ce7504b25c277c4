import { chmod, mkdir, rm } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { dirname } from "node:path";
import type { Logger } from "pino";
import { Endpoints } from "../../topology/endpoints.ts";
import { createServer } from "../../topology/node-http.ts";
import { NinefoldError } from "../../topology/problem.ts";
import { Relay, relay } from "./relay.ts";

export type Status = "starting" | "ready" | "draining" | "failed";

/** What an instance says of itself at `GET /health`: 200 when it is ready, else 503. */
export interface HealthReport {
  readonly status: Status;
  /** Why it is not ready, for a person. */
  readonly reason?: string;
  readonly inFlight: number;
  readonly connections: number;
  /** Of the endpoints that all its connections stand on: it rises when the switch to newer ones is complete. */
  readonly epoch: number;
  readonly pid: number;
}

export interface PrivateOptions {
  /** Path of the unix socket; one that a killed process left is replaced. */
  readonly socket: string;
  readonly health: () => HealthReport;
  readonly endpoints: EndpointsHolder;
  /** Descriptor of the public listening socket, when the instance inherited one and still listens. */
  readonly publicSocket: () => number | undefined;
  readonly log: Logger;
}

/** The endpoints an instance works with, replaced only by newer ones of the same deployment. */
export interface EndpointsHolder {
  current(): Endpoints;
  /** Older endpoints, and those that it has, change nothing. */
  replace(next: Endpoints): void;
}

export interface PrivateInterface {
  close(): Promise<void>;
}

const LONGEST_BODY = 4 * 1_024 * 1_024;

/**
 * The instance's private HTTP interface, for the agent and the control plane of the same machine: `GET /health`,
 * `PUT /endpoints`, `POST /relay`. It has a socket of its own, mode 0600, so it answers however busy the public one is.
 */
export async function openPrivate(options: PrivateOptions): Promise<PrivateInterface> {
  const { socket, log } = options;
  await mkdir(dirname(socket), { recursive: true, mode: 0o700 });
  await rm(socket, { force: true });
  const server = createServer((request, response) => {
    answer(request, options).then(
      ({ status, body }) => send(response, status, body),
      (error: unknown) => {
        if (error instanceof PrivateRefusal) return send(response, error.status, problem(error));
        log.error({ err: error }, "the private interface failed");
        send(response, 500, { code: "internal-error", says: String(error) });
      },
    );
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(socket, resolve);
  await promise;
  await chmod(socket, 0o600);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A request to the private interface that was refused, with its status. */
class PrivateRefusal extends NinefoldError {
  readonly status: number;
  constructor(status: number, code: string, at: string, says: string, fix: string) {
    super(code, { at, says, fix });
    this.status = status;
  }
}

async function answer(request: IncomingMessage, options: PrivateOptions): Promise<{ status: number; body: object }> {
  const route = `${request.method} ${request.url}`;
  if (route === "GET /health") {
    const report = options.health();
    return { status: report.status === "ready" ? 200 : 503, body: report };
  }
  if (route === "PUT /endpoints") {
    const next = parse(Endpoints, await json(request), "endpoints");
    const { epoch, deployment } = options.endpoints.current();
    if (next.deployment !== deployment) {
      const says = `they belong to deployment ${next.deployment}, this instance to ${deployment}`;
      throw new PrivateRefusal(
        409,
        "other-deployment",
        "endpoints",
        says,
        "Send them to an instance of that deployment",
      );
    }
    if (next.epoch < epoch) {
      const says = `epoch ${next.epoch} is older than ${epoch}, which this instance has`;
      throw new PrivateRefusal(
        409,
        "old-endpoints",
        "endpoints.epoch",
        says,
        "Read the newest endpoints and send those",
      );
    }
    options.endpoints.replace(next);
    return { status: 200, body: { epoch: options.endpoints.current().epoch } };
  }
  if (route === "POST /relay") {
    const command = parse(Relay, await json(request), "relay");
    const fd = options.publicSocket();
    if (fd === undefined) {
      const says = "this instance holds no public socket";
      throw new PrivateRefusal(409, "no-public-socket", "relay", says, "Ask an app instance that is not draining");
    }
    return { status: 200, body: { pid: await relay(command, fd) } };
  }
  const fix = "There are GET /health, PUT /endpoints and POST /relay";
  throw new PrivateRefusal(404, "not-found", route, "the private interface has no such thing", fix);
}

interface Schema<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false; error: { issues: readonly Issue[] } };
}
interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

function parse<T>(schema: Schema<T>, value: unknown, name: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const at = [name, ...(issue?.path ?? [])].map(String).join(".");
  throw new PrivateRefusal(400, "malformed", at, issue?.message ?? "malformed", "Send the document as its schema says");
}

async function json(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += (chunk as Buffer).length;
    if (length > LONGEST_BODY)
      throw new PrivateRefusal(413, "body-too-long", "body", `it has more than ${LONGEST_BODY} bytes`, "Send less");
    chunks.push(chunk as Buffer);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw new PrivateRefusal(400, "malformed", "body", "it is not JSON", "Send a JSON document");
  }
}

function problem({ code, at, says, fix }: NinefoldError): object {
  return { code, at, says, fix };
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
