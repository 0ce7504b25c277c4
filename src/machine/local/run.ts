import { appendFileSync, closeSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { InstanceName } from "../../topology/names.ts";
import type { Command } from "../machine.ts";
import { openLog, writeAtomically } from "./files.ts";
import { ProcessIdentity, signal } from "./identity.ts";
import { spawnRecorded } from "./spawn.ts";
import type { SystemUser } from "./user.ts";

/** What a command that ran to its end left. `code` is 128 + the signal's number when a signal ended it, as in a shell. */
export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** It was killed for taking longer than it may. */
  readonly late: boolean;
}

/** Longest output that is kept, bytes; of more, the end. */
const OUTPUT_BYTES = 4 * 1024 * 1024;

export interface RunOptions {
  readonly folder: string;
  readonly log: string;
  readonly user: SystemUser | undefined;
  readonly withinMs: number;
  /** Aborted when nobody waits for the result any more: the command is then killed. */
  readonly signal: AbortSignal;
}

let runs = 0;

/** Runs that go on, by what was asked for. */
const going = new Map<string, SharedRun>();

interface SharedRun {
  readonly result: Promise<RunResult>;
  readonly nobody: AbortController;
  waiting: number;
}

/**
 * Runs a command to its end; it is killed, with its group, when it takes too long or nobody waits for it. Whoever asks for the
 * very same run while it goes on gets the result of that one.
 */
export async function runToEnd(name: InstanceName, command: Command, options: RunOptions): Promise<RunResult> {
  const key = JSON.stringify([name, command]);
  for (let dying = going.get(key); dying?.nobody.signal.aborted === true; dying = going.get(key)) {
    await dying.result.catch(() => undefined);
  }
  const shared = going.get(key) ?? begin(key, name, command, options);
  shared.waiting += 1;
  const leave = () => {
    shared.waiting -= 1;
    if (shared.waiting === 0) shared.nobody.abort();
  };
  options.signal.addEventListener("abort", leave);
  if (options.signal.aborted) leave();
  try {
    return await shared.result;
  } finally {
    options.signal.removeEventListener("abort", leave);
  }
}

function begin(key: string, name: InstanceName, command: Command, options: RunOptions): SharedRun {
  const nobody = new AbortController();
  const result = runAlone(name, command, { ...options, signal: nobody.signal }).finally(() => going.delete(key));
  const shared = { result, nobody, waiting: 0 };
  going.set(key, shared);
  return shared;
}

async function runAlone(name: InstanceName, command: Command, options: RunOptions): Promise<RunResult> {
  runs += 1;
  const record = join(options.folder, `${name}.${process.pid}.${runs}.run.json`);
  let started: ProcessIdentity | undefined;
  const child = spawnRecorded(command, {
    name,
    log: options.log,
    user: options.user,
    socket: undefined,
    capture: true,
    record: (identity) => {
      started = identity;
      writeAtomically(record, JSON.stringify(identity), { mode: 0o600 });
    },
  });
  const kill = () => {
    if (started !== undefined) signal(started, "SIGKILL", { group: true });
  };
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    kill();
  }, options.withinMs);
  options.signal.addEventListener("abort", kill);
  if (options.signal.aborted) kill();
  const log = openLog(options.log);
  try {
    const stdout = collect(child.stdio[1] as Readable, log);
    const stderr = collect(child.stdio[2] as Readable, log);
    const code = await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      // What the command left running in its group would hold its output open for ever.
      child.once("exit", kill);
      child.once("close", (status, by) => resolve(status ?? 128 + (by === "SIGKILL" ? 9 : 15)));
    });
    return { code, stdout: stdout(), stderr: stderr(), late };
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener("abort", kill);
    closeSync(log);
    rmSync(record, { force: true });
  }
}

/** Ends what an agent that was killed had been running: nobody waits for it. */
export function endOldRuns(folder: string): void {
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".run.json"))) {
    signal(ProcessIdentity.parse(JSON.parse(readFileSync(join(folder, file), "utf8"))), "SIGKILL", { group: true });
    rmSync(join(folder, file));
  }
}

function collect(stream: Readable, log: number): () => string {
  let chunks: Buffer[] = [];
  let bytes = 0;
  stream.on("data", (chunk: Buffer) => {
    appendFileSync(log, chunk);
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > 2 * OUTPUT_BYTES) {
      chunks = [Buffer.concat(chunks).subarray(-OUTPUT_BYTES)];
      bytes = OUTPUT_BYTES;
    }
  });
  return () => Buffer.concat(chunks).subarray(-OUTPUT_BYTES).toString("utf8");
}
