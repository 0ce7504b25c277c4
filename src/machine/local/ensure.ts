import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { COMPILE_CACHE, ownProgram } from "../../topology/package.ts";
import { privateSocket } from "../private-socket.ts";
import { nobodyListens, unixRequest } from "../unix-http.ts";
import { isAlive } from "./identity.ts";
import { type Layout, layoutOf, wantedFile } from "./layout.ts";
import { AgentFailed } from "./problem.ts";
import { AgentAnswer, FIRST_VARIABLE, type FirstInstance } from "./protocol.ts";
import { type InstanceRecord, readRecords } from "./record.ts";
import { inheritedSockets } from "./sockets.ts";
import { SOCKETS_VARIABLE } from "./spawn.ts";

/** Longest wait for an instance to pass its copy of the public socket on, in milliseconds: once around, then more patiently. */
const RELAY_MS = [3_000, 10_000];

export interface AgentFound {
  readonly pid: number;
  /** There was none, and this call started it. */
  readonly started: boolean;
}

/**
 * The agent of a service folder; one is started when none runs. When instances still serve from the public socket that a
 * killed agent had opened, the new one inherits that very socket from them: a second one beside it would split the queue
 * of connections, and those in the first would be reset when its last holder ends.
 * @param options.withinMs longest wait for the agent's first answer, in milliseconds; default 30,000
 * @param options.first what an agent that is started here starts at once, before it can be asked to
 * @throws AgentFailed, MachineFolderUnusable
 */
export async function ensureAgent(
  folder: string,
  options: { withinMs?: number; first?: FirstInstance } = {},
): Promise<AgentFound> {
  const layout = layoutOf(folder);
  const found = await findAgent(layout);
  if (found !== undefined) return { pid: found, started: false };

  const deadline = Date.now() + (options.withinMs ?? 30_000);
  writeFileSync(wantedFile(folder), "");
  let child: ChildProcess | undefined;
  let starts = 0;
  while (Date.now() < deadline) {
    // A first try may find the folder locked by an agent that is on its way out, so one that ended is started again.
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) {
      if (starts === 5) break;
      starts += 1;
      child = (await relayed(folder, layout)) ? undefined : spawnAgent(folder, options.first);
    }
    for (const patience = Date.now() + 2_000; Date.now() < patience; ) {
      const pid = await findAgent(layout);
      if (pid !== undefined) return { pid, started: true };
      if (child?.exitCode !== null && child !== undefined) break;
      await delay(20);
    }
  }
  throw new AgentFailed({
    at: join(layout.agent, "log"),
    says: `the agent did not start; its log ends with: ${lastLines(join(layout.agent, "log"))}`,
    fix: "Remove the cause and try again",
  });
}

/** Process of the agent that answers for this folder, if any. Starts nothing. */
export async function findAgent(layout: Layout): Promise<number | undefined> {
  try {
    const answer = await unixRequest(layout.agentSocket, "GET", "/agent", { withinMs: 5_000 });
    return AgentAnswer.parse(answer.body).pid;
  } catch (cause) {
    // One that was killed while it was asked breaks the connection off, before or after it read the question.
    const { code = "" } = cause as NodeJS.ErrnoException;
    if (nobodyListens(cause) || ["ECONNRESET", "EPIPE"].includes(code)) return undefined;
    throw cause;
  }
}

function agentCommand(folder: string): { file: string; args: string[]; env: Record<string, string> } {
  const env: Record<string, string> = { NODE_COMPILE_CACHE: COMPILE_CACHE };
  for (const name of ["PATH", "HOME", "TMPDIR"]) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  const args = ["--disable-warning=ExperimentalWarning", ...ownProgram("machine/local/agent"), folder];
  return { file: process.execPath, args, env };
}

/** Starts the agent as our own child, with the public socket if we hold a copy of it ourselves. */
function spawnAgent(folder: string, first: FirstInstance | undefined): ChildProcess {
  const { file, args, env: base } = agentCommand(folder);
  const env = first === undefined ? base : { ...base, [FIRST_VARIABLE]: JSON.stringify(first) };
  const inherited = inheritedSockets();
  const [name, fd] = [...inherited][0] ?? [];
  const child = spawn(file, args, {
    cwd: "/",
    detached: true,
    stdio: ["ignore", "ignore", "ignore", fd ?? "ignore"],
    env: name === undefined ? env : { ...env, [SOCKETS_VARIABLE]: JSON.stringify({ [name]: 3 }) },
  });
  child.on("error", () => undefined); // seen as an agent that does not answer
  child.unref();
  return child;
}

/** Asks instances that hold the public socket, one after another, to start the agent with it. */
async function relayed(folder: string, layout: Layout): Promise<boolean> {
  const { file, args, env } = agentCommand(folder);
  for (const withinMs of RELAY_MS) {
    for (const record of holders(layout)) {
      const socket = record.command.socket ?? "";
      const body = { file, args, env: { ...env, [SOCKETS_VARIABLE]: JSON.stringify({ [socket]: 3 }) }, cwd: "/" };
      const to = privateSocket(join(layout.sockets, record.name));
      const answer = await unixRequest(to, "POST", "/relay", { body, withinMs }).catch(() => undefined);
      if (answer?.status === 200) return true;
    }
  }
  return false;
}

function holders(layout: Layout): InstanceRecord[] {
  return readRecords(layout.agent).filter(
    ({ command, process }) => command.socket !== undefined && process !== undefined && isAlive(process),
  );
}

function lastLines(path: string): string {
  if (!existsSync(path)) return "(nothing)";
  return readFileSync(path, "utf8").trimEnd().split("\n").slice(-3).join("\n");
}
