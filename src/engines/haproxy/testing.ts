import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { freePort } from "../../machine/free-port.ts";
import { type TestMachine, testMachine, until } from "../../machine/local/testing.ts";
import { InstanceName } from "../../topology/names.ts";
import type { Placed } from "../engine.ts";
import { type Balancer, balancer } from "./balancer.ts";
import { haproxyEngine } from "./engine.ts";
import { READY_PATH } from "./server.ts";
import type { BalancedServer, BalancerLimits, HaproxySpec } from "./spec.ts";

/** A HAProxy of its own for a test, kept by a real agent on a public socket. */
export interface TestBalancer extends AsyncDisposable {
  readonly placed: Placed<HaproxySpec>;
  readonly balancer: Balancer;
  readonly machine: TestMachine;
  readonly port: number;
  /** Writes the files of another spec and changes HAProxy to it; gives what the engine said, and the new instance. */
  change(change: Partial<HaproxySpec>): Promise<{ said: "changed" | "restart"; placed: Placed<HaproxySpec> }>;
  /** Process id of the master. */
  pid(): Promise<number>;
}

export const TEST_LIMITS: BalancerLimits = {
  requestsPerClient: 1_000_000,
  maxConnections: 1_000,
  maxInFlight: 100,
  maxBodyBytes: 1_000_000,
  headersTimeoutMs: 5_000,
  requestTimeoutMs: 5_000,
  keepAliveMs: 5_000,
};

/** Starts HAProxy as the product does, healthy when it returns. Several may share a machine. */
export async function startTestBalancer(
  spec: Partial<HaproxySpec> = {},
  prepare: (machine: TestMachine, placed: Placed<HaproxySpec>) => Promise<void> = async () => undefined,
): Promise<TestBalancer> {
  const machine = await testMachine();
  const name = InstanceName.parse("dc1.balancer.1");
  const port = await freePort();
  let placed: Placed<HaproxySpec> = {
    name,
    spec: {
      binary: "/usr/sbin/haproxy",
      socket: "public",
      servers: [],
      limits: TEST_LIMITS,
      holdMs: 5_000,
      drainMs: 2_000,
      trustedProxies: [],
      ...spec,
    },
    folder: machine.machine.folder(name),
    sockets: machine.machine.sockets(name),
  };
  const write = () => machine.machine.write(name, haproxyEngine.render(placed), "engine");
  await machine.machine.openSocket({ name: "public", host: "127.0.0.1", port });
  await prepare(machine, placed);
  await write();
  await machine.machine.start(name, haproxyEngine.command(placed));
  await until("HAProxy is healthy", async () => (await haproxyEngine.health(placed)).healthy);
  return {
    placed,
    balancer: balancer(placed),
    machine,
    port,
    change: async (change) => {
      const before = placed;
      placed = { ...placed, spec: { ...placed.spec, ...change } };
      await write();
      return { said: await haproxyEngine.change(before, placed.spec), placed };
    },
    pid: async () => (await machine.machine.list())[0]?.pid ?? 0,
    [Symbol.asyncDispose]: () => machine[Symbol.asyncDispose](),
  };
}

/** A small server as the service's are: it says whether it is ready, and answers with its name. */
export interface TestServer extends BalancedServer, AsyncDisposable {
  ready: boolean;
  /** Requests of clients, and paths of what asked for readiness. */
  readonly seen: { method: string; url: string; headers: IncomingMessage["headers"]; body: string }[];
  readonly checks: () => number;
}

export async function testServer(
  name: string,
  handle: (request: IncomingMessage, response: ServerResponse) => void = (_, response) => response.end(name),
): Promise<TestServer> {
  let checks = 0;
  const seen: TestServer["seen"] = [];
  const server = createServer({ keepAliveTimeout: 75_000 }, async (request, response) => {
    if (request.url === READY_PATH) {
      checks += 1;
      response.writeHead(self.ready ? 200 : 503).end();
      return;
    }
    const entry = { method: request.method ?? "", url: request.url ?? "", headers: request.headers, body: "" };
    seen.push(entry);
    request.on("error", () => undefined);
    request.on("data", (chunk: Buffer) => {
      entry.body += chunk.toString();
    });
    request.on("end", () => handle(request, response));
  });
  server.on("upgrade", (request, socket) => {
    const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash("sha1").update(key).digest("base64");
    const head = ["HTTP/1.1 101 Switching Protocols", "connection: Upgrade", "upgrade: websocket"];
    socket.write(`${[...head, `sec-websocket-accept: ${accept}`].join("\r\n")}\r\n\r\n`);
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => socket.write(chunk));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const self: TestServer = {
    name: InstanceName.parse(name),
    address: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    ready: true,
    seen,
    checks: () => checks,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return self;
}

/** The same as a process of its own, so that it can be killed; starts again at its port. */
export async function killableServer(
  name: string,
  port: number,
  options: { readonly answerMs?: number } = {},
): Promise<{ readonly process: ChildProcess; kill(): Promise<void> }> {
  const child = spawn(process.execPath, ["-e", SERVER, name, String(port), String(options.answerMs ?? 5)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  return {
    process: child,
    kill: async () => {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

// Ends with its standard input, so however the test ends.
const SERVER = `
const [, name, port, ms] = process.argv;
require("node:http").createServer({ keepAliveTimeout: 75000 }, (request, response) => {
  if (request.url === "${READY_PATH}") return response.end();
  request.resume();
  setTimeout(() => response.end(name), Number(ms));
}).listen(Number(port), "127.0.0.1", () => console.log("listening"));
process.stdin.on("end", () => process.exit()).resume();
`;
