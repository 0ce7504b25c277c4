import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { z } from "zod";
import { InstanceName } from "../../topology/names.ts";
import type { Command, InstanceState, Machine } from "../machine.ts";
import { nobodyListens, unixRequest } from "../unix-http.ts";
import { ensureAgent } from "./ensure.ts";
import { writeAtomically } from "./files.ts";
import { identify, isAlive } from "./identity.ts";
import { layoutOf, removeOutside } from "./layout.ts";
import { AgentFailed, MachineFolderUnusable, revive } from "./problem.ts";
import { AgentAnswer, type FirstInstance, InstanceStates, Refusal, RunAnswer, SocketAnswer } from "./protocol.ts";
import { removeAtOnce, removeGently } from "./remove.ts";
import { engineUser } from "./user.ts";

/** The machine that Ninefold itself runs on. */
export interface LocalMachine extends Machine {
  /** Absolute path of an instance's log; older parts are beside it as `.1` to `.3`. */
  log(name: InstanceName): string;
  /** Stops all instances, last started first, closes the public sockets and ends the agent. Safe when no agent runs. */
  shutdown(): Promise<void>;
  /** After a shutdown: removes the folders that lie outside the service's, logs included. */
  forget(): void;
}

/** A stop waits for its instance's own time limit, at most this long; milliseconds. */
const LONGEST_MS = 15 * 60_000;

/**
 * The local machine of a service folder. Every call that needs the agent starts one if none runs.
 * @param folder absolute path of the service's folder; the state is in `.ninefold` inside it
 * @throws MachineFolderUnusable
 */
export function localMachine(folder: string): LocalMachine {
  const layout = layoutOf(folder);
  const folderOf = (name: InstanceName) => join(layout.instances, name);
  const socketsOf = (name: InstanceName) => join(layout.sockets, name);

  /** Makes the instance's folders, owned by the user that it runs as. */
  const makeFolders = (name: InstanceName, user: Command["user"]) => {
    for (const path of [folderOf(name), socketsOf(name)]) {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      chmodSync(path, 0o700);
      own(path, user);
    }
  };

  const ask = async (
    method: "GET" | "PUT" | "POST" | "DELETE",
    path: string,
    { first, ...options }: { body?: unknown; withinMs?: number; signal?: AbortSignal; first?: FirstInstance } = {},
  ): Promise<unknown> => {
    const send = () => unixRequest(layout.agentSocket, method, path, { withinMs: LONGEST_MS, ...options });
    const answer = await send().catch(async (cause) => {
      options.signal?.throwIfAborted();
      if (!nobodyListens(cause)) throw lost(method, path, cause);
      await ensureAgent(folder, first === undefined ? {} : { first });
      return send();
    });
    if (answer.status === 200) return answer.body;
    const refusal = Refusal.parse(answer.body);
    throw revive(refusal.code, refusal);
  };

  return {
    folder: folderOf,
    sockets: socketsOf,
    log: (name) => join(folderOf(name), "log"),
    write: async (name, files, user) => {
      makeFolders(name, user);
      for (const [path, text] of files) {
        const target = join(folderOf(name), inside(path));
        mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
        if (dirname(target) !== folderOf(name)) own(dirname(target), user);
        writeAtomically(target, text, { mode: 0o600, ...owner(user) });
      }
    },
    start: async (name, command) => {
      makeFolders(name, command.user);
      await ask("PUT", `/instances/${name}`, { body: { command }, first: { name, command } });
    },
    stop: async (name) => {
      await ask("DELETE", `/instances/${name}`);
    },
    run: async (name, command, within) => {
      makeFolders(name, command.user);
      const answer = parsed(
        RunAnswer,
        await ask("POST", `/runs/${name}`, {
          body: { command, withinMs: within.ms },
          withinMs: within.ms + 10_000,
          ...(within.signal === undefined ? {} : { signal: within.signal }),
        }),
      );
      if (!answer.late) return { code: answer.code, stdout: answer.stdout, stderr: answer.stderr };
      throw new AgentFailed({
        at: `${name}: ${command.file} ${command.args.join(" ")}`,
        says: `took longer than ${within.ms} ms and was killed`,
        fix: `See ${join(folderOf(name), "log")}`,
      });
    },
    destroy: async (name, how) => {
      const running = parsed(InstanceStates, await ask("GET", "/instances")).some((state) => state.name === name);
      if (running) throw new AgentFailed({ at: name, says: "still runs", fix: "Stop it before its folder is removed" });
      const remove = how?.atOnce === true ? removeAtOnce : removeGently;
      for (const path of [folderOf(name), socketsOf(name)]) await remove(path);
    },
    list: async () =>
      parsed(InstanceStates, await ask("GET", "/instances")).map(
        (state): InstanceState => ({
          ...state,
          name: InstanceName.parse(state.name),
          pid: state.pid,
          startedAt: state.startedAt,
          lastEnd: state.lastEnd,
        }),
      ),
    openSocket: async ({ name, host, port }) => {
      parsed(SocketAnswer, await ask("PUT", `/sockets/${encodeURIComponent(name)}`, { body: { host, port } }));
    },
    closeSocket: async (name) => {
      await ask("DELETE", `/sockets/${encodeURIComponent(name)}`);
    },
    shutdown: async () => {
      const agent = identify(parsed(AgentAnswer, await ask("GET", "/agent")).pid);
      await ask("POST", "/shutdown");
      // It has answered and is on its way out; the port is free when it is gone.
      while (agent !== undefined && isAlive(agent)) await delay(5);
    },
    forget: () => removeOutside(folder),
  };
}

function parsed<T>(schema: z.ZodType<T>, body: unknown): T {
  return schema.parse(body);
}

function owner(user: Command["user"]): { uid: number; gid: number } | Record<never, never> {
  const found = user === "engine" ? engineUser() : undefined;
  return found === undefined ? {} : { uid: found.uid, gid: found.gid };
}

function own(path: string, user: Command["user"]): void {
  const found = user === "engine" ? engineUser() : undefined;
  if (found !== undefined) chownSync(path, found.uid, found.gid);
}

function inside(path: string): string {
  const normal = normalize(path);
  if (normal.startsWith("..") || normal.startsWith("/")) {
    throw new MachineFolderUnusable({
      at: path,
      says: "lies outside the instance's folder",
      fix: "Give a path inside it",
    });
  }
  return normal;
}

function lost(method: string, path: string, cause: unknown): AgentFailed {
  return new AgentFailed(
    {
      at: `agent, ${method} ${path}`,
      says: `did not answer: ${(cause as Error).message}`,
      fix: "Try again; a new agent starts by itself",
    },
    { cause },
  );
}
