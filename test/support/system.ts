import { spawn } from "node:child_process";
import { join } from "node:path";
import { type CheckProcess, startCheckProcess } from "../../src/check/index.ts";
import { StatusView } from "../../src/control/event.ts";
import { freePort } from "../../src/machine/free-port.ts";
import { copyOfService, repository } from "./folders.ts";
import { processesUnder } from "./processes.ts";

const ninefold = join(repository, "bin", "ninefold.js");
export const conduit = join(repository, "examples", "conduit");

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A service started by the command line, in a folder of its own, as a person would. */
export interface System {
  readonly folder: string;
  readonly url: string;
  readonly port: number;
  /** Runs a command of the command line in the folder to its end. */
  ninefold(...args: readonly string[]): Promise<Ended>;
  /** As {@link System.ninefold}, and throws with the command's output when it does not succeed. */
  succeed(...args: readonly string[]): Promise<Ended>;
  status(): Promise<StatusView>;
  /** Process id of the instance whose stable name this is. */
  pid(name: string): Promise<number>;
  /** Simulated users on the public address, in a process of their own: 200 operations a second, a third of them writes. */
  check(options?: { users?: number; rate?: number; allowFailures?: boolean }): Promise<CheckProcess>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface SystemOptions {
  /** App instances; 1 unless given. */
  readonly app?: number;
  /** Rung to start at; 1 unless given. */
  readonly rung?: number;
  /** How far the standbys are held behind on purpose, such as `2s`. */
  readonly lag?: string;
  /** Whether it answers HTTPS, from rung 3. */
  readonly tls?: boolean;
  /** The service's folder, which is copied; Conduit unless given. */
  readonly source?: string;
  /** Changes the copy before it is started. */
  readonly prepare?: (folder: string) => void;
}

/** Starts Conduit. Everything it started is gone, with its data, when it is disposed of. */
export async function startSystem(options: SystemOptions = {}): Promise<System> {
  const copy = copyOfService(options.source ?? conduit);
  const { folder } = copy;
  options.prepare?.(folder);
  const port = await freePort();
  const run = (...args: readonly string[]) => runNinefold(folder, args);
  const succeed = async (...args: readonly string[]) => {
    const ended = await run(...args);
    if (ended.code === 0) return ended;
    throw new Error(`ninefold ${args.join(" ")} ended with ${ended.code}:\n${ended.stdout}\n${ended.stderr}`);
  };
  const status = async () => StatusView.parse(JSON.parse((await succeed("status", "--json")).stdout));
  const dispose = async () => {
    await run("down", "--destroy", "--yes");
    const left = processesUnder(folder);
    for (const { pid } of left) process.kill(pid, "SIGKILL");
    copy[Symbol.dispose]();
    if (left.length > 0)
      throw new Error(`left running: ${left.map(({ pid, command }) => `${pid} ${command}`).join("; ")}`);
  };
  try {
    const app = options.app === undefined ? [] : ["--app", String(options.app)];
    const rung = options.rung === undefined ? [] : ["--rung", String(options.rung)];
    const lag = options.lag === undefined ? [] : ["--lag", options.lag];
    const tls = options.tls === true ? ["--tls"] : [];
    await succeed("up", "-d", "--port", String(port), "--host", "127.0.0.1", ...app, ...rung, ...lag, ...tls);
  } catch (error) {
    await dispose().catch(() => {});
    throw error;
  }
  const url = `${options.tls === true ? "https" : "http"}://127.0.0.1:${port}`;
  return {
    folder,
    url,
    port,
    ninefold: run,
    succeed,
    status,
    async pid(name) {
      const { instances } = await status();
      const pid = instances.find((instance) => instance.name === name || instance.name.startsWith(`${name}@`))?.pid;
      if (pid === undefined) throw new Error(`${name} has no process: ${JSON.stringify(instances)}`);
      return pid;
    },
    check: ({ users = 50, rate = 200, allowFailures = false } = {}) =>
      startCheckProcess({ file: join(conduit, "check.ts"), url, users, rate, allowFailures }),
    [Symbol.asyncDispose]: dispose,
  };
}

/** Runs the command line in a folder to its end. */
export function runNinefold(folder: string, args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [ninefold, ...args], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}
