import { type ChildProcess, spawn } from "node:child_process";
import { closeSync } from "node:fs";
import type { Writable } from "node:stream";
import type { Command } from "../machine.ts";
import { openLog } from "./files.ts";
import { identify, type ProcessIdentity } from "./identity.ts";
import type { SystemUser } from "./user.ts";

/** Environment variable that tells a process which public socket each inherited descriptor is: `{"public":3}`. */
export const SOCKETS_VARIABLE = "NINEFOLD_SOCKETS";

// Waits for leave to begin. When the agent dies before it gave leave the pipe closes, and nothing was ever started.
const GATE = "read -r _ <&4 && exec 4<&-";
const BEGIN = 'exec "$@"';
// A tenth of a processor against what wants all of it. Linux may share its processors between sessions first, and nice values count
// only within one (sched(7), "The autogroup feature").
const BEHIND = 'echo 10 2>/dev/null > /proc/self/autogroup; exec nice -n 10 "$@"';

export interface SpawnOptions {
  readonly name: string;
  readonly log: string;
  readonly user: SystemUser | undefined;
  /** The public socket that the command asks for. */
  readonly socket: number | undefined;
  /** Called with the identity of the process before the command begins. Throwing prevents it. */
  readonly record: (process: ProcessIdentity) => void;
  /** Gives what it writes to the caller instead of to its log. */
  readonly capture?: true;
}

/**
 * Starts a command in a session of its own, so that it outlives whoever started it. It begins only when it is on record.
 * @throws the errors of spawn, and of `record`
 */
export function spawnRecorded(command: Command, options: SpawnOptions): ChildProcess {
  const log = options.capture ? undefined : openLog(options.log);
  const user = command.user === "engine" ? options.user : undefined;
  const sockets =
    command.socket !== undefined && options.socket !== undefined
      ? { [SOCKETS_VARIABLE]: JSON.stringify({ [command.socket]: 3 }) }
      : {};
  try {
    const script = `${GATE} && { ${command.behind ? BEHIND : BEGIN}; }`;
    const child = spawn("sh", ["-c", script, options.name, command.file, ...command.args], {
      cwd: command.cwd,
      env: { PATH: process.env.PATH ?? "/usr/local/bin:/usr/bin:/bin", ...command.env, ...sockets },
      detached: true,
      // 3 is the public socket's place, 4 the gate's.
      stdio: ["ignore", log ?? "pipe", log ?? "pipe", options.socket ?? "ignore", "pipe"],
      ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
    });
    const gate = child.stdio[4] as Writable;
    gate.on("error", () => undefined); // the process is gone; its end is reported as such
    try {
      const process = child.pid === undefined ? undefined : identify(child.pid);
      if (process !== undefined) {
        options.record(process);
        gate.write("go\n");
      }
    } finally {
      gate.end();
    }
    return child;
  } finally {
    if (log !== undefined) closeSync(log);
  }
}
