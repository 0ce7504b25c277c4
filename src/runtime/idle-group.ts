import { spawn } from "node:child_process";
import { type CpuGroup, enter, groupOf, idleGroupIn, processesOf } from "../processors/cpu-group.ts";

const NAME = "ninefold-starting";

/**
 * Moves this process into a group within its own that gets a processor only where nobody else wants it.
 *
 * @param longestMs after that it is taken out of the group whatever it does: on a machine whose processors are always full it would
 *   never run, and could not leave by itself
 * @returns how to leave it; undefined where there is no such group to be had, as for most users without a delegated group
 */
export function joinIdleGroup(longestMs: number): (() => void) | undefined {
  try {
    const own = groupOf("self");
    if (own === undefined) return undefined;
    const idle = idleGroupIn(own, NAME);
    const watch = watchFromOutside(own, idle, longestMs);
    try {
      enter(idle, process.pid);
    } catch (error) {
      watch.end();
      throw error;
    }
    return () => {
      enter(own, process.pid);
      watch.end();
    };
  } catch {
    return undefined; // it may not be made, or another process that left has just removed it
  }
}

/** A shell that stays outside. `cat` ends with us, or when we have left by ourselves. The group goes with the last one in it. */
function watchFromOutside(own: CpuGroup, idle: CpuGroup, longestMs: number): { end(): void } {
  const script = 'timeout "$1" cat > /dev/null || echo "$2" > "$3"; rmdir "$4"';
  const values = [String(longestMs / 1_000), String(process.pid), processesOf(own), idle.folder];
  const shell = spawn("sh", ["-c", script, NAME, ...values], { stdio: ["pipe", "ignore", "ignore"] });
  shell.on("error", () => undefined);
  shell.stdin.on("error", () => undefined);
  shell.unref();
  return { end: () => shell.stdin.end() };
}
