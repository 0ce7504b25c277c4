import { lstatSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { InstanceName } from "../../topology/names.ts";
import type { Command } from "../machine.ts";
import { privateSocket } from "../private-socket.ts";
import { ensureAgent, findAgent } from "./ensure.ts";
import { layoutOf } from "./layout.ts";
import { type LocalMachine, localMachine } from "./machine.ts";

/** A local machine of its own for a test; everything on it is stopped and removed when it is disposed. */
export interface TestMachine extends AsyncDisposable {
  readonly folder: string;
  readonly machine: LocalMachine;
  readonly agentFolder: string;
  /** SIGKILL for the agent; fulfils with the pid that it had, when it is gone. */
  killAgent(): Promise<number>;
  /** A small HTTP service on the public socket named `public`, with the runtime's private interface as far as the agent uses it. */
  tinyService(name: string, options?: { text?: string }): Promise<{ name: InstanceName; command: Command }>;
}

/** Starts the agent in a folder that only its owner can enter, as a home folder often is. */
export async function testMachine(): Promise<TestMachine> {
  const folder = mkdtempSync(join(tmpdir(), "ninefold-machine-"));
  const machine = localMachine(folder);
  const layout = layoutOf(folder);
  await ensureAgent(folder);
  return {
    folder,
    machine,
    agentFolder: layout.agent,
    killAgent: async () => {
      const pid = await findAgent(layout);
      if (pid === undefined) throw new Error("no agent runs");
      process.kill(pid, "SIGKILL");
      // Its program is gone a moment before its socket is.
      await until("the agent is gone", async () => (await findAgent(layout)) === undefined);
      return pid;
    },
    tinyService: async (text, options = {}) => {
      const name = InstanceName.parse(text);
      const main = join(folder, "tiny.mjs");
      writeFileSync(main, TINY_SERVICE);
      const args = [main, privateSocket(machine.sockets(name)), options.text ?? text];
      const stop = { signal: "SIGTERM", withinMs: 5_000 } as const;
      return {
        name,
        command: { file: process.execPath, args, env: {}, cwd: folder, user: "self", socket: "public", stop },
      };
    },
    [Symbol.asyncDispose]: async () => {
      await machine.shutdown();
      const instances = join(folder, ".ninefold", "instances");
      if (lstatSync(instances).isSymbolicLink()) rmSync(dirname(readlinkSync(instances)), { recursive: true });
      rmSync(folder, { recursive: true });
    },
  };
}

/** Waits for a condition; fails saying which one after `withinMs`. */
export async function until(what: string, holds: () => unknown, withinMs = 20_000): Promise<void> {
  for (const deadline = Date.now() + withinMs; Date.now() < deadline; await delay(10)) if (await holds()) return;
  throw new Error(`waited ${withinMs} ms in vain until ${what}`);
}

export interface Traffic {
  /** Ends the traffic and tells how it went. */
  finish(): Promise<{ ok: number; failures: string[]; longestMs: number; texts: Map<string, number> }>;
  readonly soFar: { ok: number };
}

/** Requests to a port one after another in each of `clients` loops, each on a connection of its own unless `keepAlive`. */
export function traffic(port: number, options: { clients?: number; keepAlive?: boolean } = {}): Traffic {
  const result = { ok: 0, failures: [] as string[], longestMs: 0, texts: new Map<string, number>() };
  let ending = false;
  const agent = new Agent({ keepAlive: options.keepAlive ?? false, maxSockets: Number.POSITIVE_INFINITY });
  const loop = async () => {
    while (!ending) {
      const begun = performance.now();
      await once(port, agent).then(
        (text) => {
          result.ok += 1;
          result.texts.set(text, (result.texts.get(text) ?? 0) + 1);
        },
        (cause: Error) => result.failures.push(cause.message),
      );
      result.longestMs = Math.max(result.longestMs, performance.now() - begun);
      await delay(2);
    }
  };
  const loops = Array.from({ length: options.clients ?? 8 }, loop);
  return {
    soFar: result,
    finish: async () => {
      ending = true;
      await Promise.all(loops);
      agent.destroy();
      return result;
    },
  };
}

function once(port: number, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({ host: "127.0.0.1", port, agent, timeout: 20_000 }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on("error", reject);
      response.on("end", () => resolve(text));
    });
    request.on("error", reject);
    request.on("timeout", () => request.destroy(new Error("no answer in 20 s")));
  });
}

const TINY_SERVICE = `
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { rmSync } from "node:fs";
const [, , socket, text] = process.argv;
const publicServer = createServer((request, response) => {
  setTimeout(() => response.end(text), 5);
});
rmSync(socket, { force: true });
createServer(async (request, response) => {
  if (request.method !== "POST" || request.url !== "/relay") return response.end("{}");
  let body = "";
  for await (const chunk of request) body += chunk;
  const { file, args, env, cwd } = JSON.parse(body);
  const child = spawn(file, args, { cwd, env, detached: true, stdio: ["ignore", "ignore", "ignore", 3] });
  child.unref();
  response.end(JSON.stringify({ pid: child.pid }));
}).listen(socket, () => publicServer.listen({ fd: 3 }, () => console.log("listening")));
process.on("SIGTERM", () => {
  publicServer.close(() => process.exit(0));
});
`;
