import { setTimeout as delay } from "node:timers/promises";
import type { InstanceName } from "../../topology/names.ts";
import type { Placed } from "../engine.ts";
import { command } from "./admin.ts";
import { BalancerFailed } from "./problem.ts";
import { awaitReady } from "./ready.ts";
import { BACKEND, haproxyName, serverLine } from "./server.ts";
import { adminSocket } from "./sockets.ts";
import type { BalancedServer, HaproxySpec } from "./spec.ts";
import { cutSessions, freeServerId, type ServerState, serverStates, totalSessions } from "./states.ts";

/** A running HAProxy, to which servers come and from which they go without a reload. Every call may be made again. */
export interface Balancer {
  /** The servers that it has now, by name. */
  servers(): Promise<ReadonlyMap<InstanceName, ServerState>>;
  /**
   * Waits until the server says that it is ready, then sends it requests. One of the same name with another address is
   * drained and removed first; one that drains takes requests again.
   * @param options.readyWithinMs default 10_000
   * @throws ServerNotReady; nothing was changed then
   */
  add(server: BalancedServer, options?: { readonly readyWithinMs?: number }): Promise<void>;
  /**
   * Sends a server no more requests and waits until those that it has are answered; after `withinMs` cuts off the rest,
   * WebSockets among them, and gives how many. Nothing when it is not there.
   */
  drain(name: InstanceName, withinMs: number): Promise<{ readonly cut: number }>;
  /** Forgets a server. One that was not drained loses its open requests. Nothing when it is not there. */
  remove(name: InstanceName): Promise<void>;
}

/** How often to look whether sessions have ended, and how long HAProxy may take to close idle connections. Milliseconds. */
const LOOK_MS = 20;
const REMOVE_MS = 15_000;

export function balancer(instance: Placed<HaproxySpec>): Balancer {
  const { spec } = instance;
  const socket = adminSocket(instance);
  const run = (text: string) => command(socket, text);
  const path = (name: InstanceName) => `${BACKEND}/${haproxyName(name)}`;
  const state = async (name: InstanceName) => (await serverStates(instance)).get(name);

  /** Runs a command whose success has no words, or only `expected`. */
  const must = async (text: string, expected?: string) => {
    const answer = await run(text);
    if (answer !== "" && (expected === undefined || !answer.includes(expected))) throw refused(instance, text, answer);
  };

  /** HAProxy picks a server a moment before it counts the request, so it is free when it was seen so twice. */
  const free = async (name: InstanceName, deadline: number): Promise<number> => {
    for (let zeros = 0; ; ) {
      const sessions = await totalSessions(instance, name);
      zeros = sessions === 0 ? zeros + 1 : 0;
      if (zeros === 2 || Date.now() >= deadline) return sessions;
      await delay(zeros === 0 ? LOOK_MS : 2);
    }
  };

  /**
   * HAProxy before 3.0 gives a server that comes at run time its number after it has placed it by its number: all that come so
   * would lie in one place, of which one server is found (its issue 3413). So each is told a number of its own, one after another.
   */
  let registered: Promise<void> = Promise.resolve();
  const register = (server: BalancedServer): Promise<void> => {
    const next = async () => {
      if ((await state(server.name)) !== undefined) return;
      const id = await freeServerId(instance);
      await must(`add server ${BACKEND}/${serverLine(server, spec)} id ${id}`, "New server registered");
    };
    registered = registered.then(next, next);
    return registered;
  };

  const self: Balancer = {
    servers: () => serverStates(instance),

    add: async (server, { readyWithinMs = 10_000 } = {}) => {
      await awaitReady(server, readyWithinMs);
      const before = await state(server.name);
      if (before !== undefined && (before.address !== server.address || before.port !== server.port)) {
        await self.drain(server.name, spec.drainMs);
        await self.remove(server.name);
      }
      await register(server);
      await must(`enable health ${path(server.name)}`);
      await must(`set server ${path(server.name)} state ready`);
      await must(`set server ${path(server.name)} health up`);
    },

    drain: async (name, withinMs) => {
      if ((await state(name)) === undefined) return { cut: 0 };
      await must(`set server ${path(name)} state drain`);
      const cut = await free(name, Date.now() + withinMs);
      if (cut === 0) return { cut };
      await cutSessions(instance, name);
      const left = await free(name, Date.now() + REMOVE_MS);
      if (left === 0) return { cut };
      throw new BalancerFailed(`${instance.name}, server ${name}`, `${left} requests go on though they were cut off`);
    },

    remove: async (name) => {
      if ((await state(name)) === undefined) return;
      await must(`set server ${path(name)} state maint`);
      await cutSessions(instance, name);
      const text = `del server ${path(name)}`;
      for (const deadline = Date.now() + REMOVE_MS; ; await delay(LOOK_MS)) {
        const answer = await run(text);
        if (answer.includes("Server deleted") || answer.includes("No such server")) return;
        if (Date.now() >= deadline) throw refused(instance, text, answer);
      }
    },
  };
  return self;
}

function refused(instance: Placed<HaproxySpec>, text: string, answer: string): BalancerFailed {
  return new BalancerFailed(`${instance.name}: ${text.split(" check ")[0]}`, `HAProxy answered: ${answer}`);
}
