import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { InstanceName } from "../../topology/names.ts";
import { createServer } from "../../topology/node-http.ts";
import { NinefoldError } from "../../topology/problem.ts";
import { RunBody, SocketBody, StartBody } from "./protocol.ts";
import { type RunOptions, type RunResult, runToEnd } from "./run.ts";
import type { PublicSockets } from "./sockets.ts";
import type { Supervisor } from "./supervisor.ts";

export interface AgentParts {
  readonly supervisor: Supervisor;
  readonly sockets: PublicSockets;
  run(name: InstanceName): Omit<RunOptions, "withinMs" | "signal">;
  /** Stops to be found, before a shutdown is answered; then ends, after the answer was sent. */
  retire(): void;
  end(): void;
}

type Route = (parts: AgentParts, name: string, body: unknown, gone: AbortSignal) => Promise<unknown>;

const ROUTES: Readonly<Record<string, Route>> = {
  "GET /agent": async ({ sockets }) => ({ pid: process.pid, sockets: sockets.list() }),
  "GET /instances": async ({ supervisor }) => supervisor.list(),
  "PUT /instances": ({ supervisor }, name, body) =>
    supervisor.start(InstanceName.parse(name), StartBody.parse(body).command),
  "DELETE /instances": ({ supervisor }, name) => supervisor.stop(InstanceName.parse(name)),
  "POST /runs": (parts, name, body, gone): Promise<RunResult> => {
    const { command, withinMs } = RunBody.parse(body);
    const instance = InstanceName.parse(name);
    return runToEnd(instance, command, { ...parts.run(instance), withinMs, signal: gone });
  },
  "PUT /sockets": async ({ sockets }, name, body) => {
    const { host, port } = SocketBody.parse(body);
    return { port: (await sockets.open(name, host, port)).port };
  },
  "DELETE /sockets": async ({ sockets }, name) => sockets.close(name),
  "POST /shutdown": async ({ supervisor, retire }) => {
    await supervisor.stopAll();
    retire();
  },
};

/** The agent's interface, to be listened on its unix socket: whoever may open that socket may do everything. */
export function agentServer(parts: AgentParts): Server {
  // A stop or a run may take minutes; the caller bounds its own patience.
  return createServer({ requestTimeout: 0, headersTimeout: 10_000 }, (request, response) => {
    void answer(parts, request, response);
  });
}

async function answer(parts: AgentParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const [kind = "", name = ""] = (request.url ?? "/").slice(1).split("/");
  const route = ROUTES[`${request.method} /${kind}`];
  try {
    if (route === undefined)
      throw new NinefoldError("no-such-route", {
        at: `${request.method} ${request.url}`,
        says: "is not part of the agent's interface",
        fix: "Restart the agent after an update of Ninefold",
      });
    send(response, 200, await route(parts, decodeURIComponent(name), await read(request), gone.signal));
    if (kind === "shutdown") response.once("close", () => parts.end());
  } catch (cause) {
    const error = cause instanceof NinefoldError ? cause : undefined;
    send(response, error === undefined ? 500 : 409, {
      code: error?.code ?? "agent-failed",
      at: error?.at ?? "agent",
      says: error?.says ?? String((cause as Error).message),
      fix: error?.fix ?? "See the agent's log, `.ninefold/agent/log`",
    });
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}

async function read(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString("utf8");
  return text === "" ? undefined : JSON.parse(text);
}
