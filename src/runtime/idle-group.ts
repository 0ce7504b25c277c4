import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const NAME = "ninefold-starting";

/**
 * Moves this process into a control group that gets a processor only where nobody else wants it: Linux interrupts those in such a
 * group at once for whoever wakes up (`cpu.idle`, Control Group v2, "CPU Interface Files"), which no priority of a thread or of
 * a session brings about. The group lies within that of this process, so that its memory and all its other limits stay the same.
 *
 * @param longestMs after that it is taken out of the group whatever it does: on a machine whose processors are always full it would
 *   never run, and could not leave by itself
 * @returns how to leave it; undefined where there is no such group to be had, as for most users without a delegated group
 */
export function joinIdleGroup(longestMs: number): (() => void) | undefined {
  try {
    const own = ownGroup();
    if (own === undefined) return undefined;
    const idle = prepared(own);
    const watch = watchFromOutside(own, idle, longestMs);
    try {
      enter(idle);
    } catch (error) {
      watch.end();
      throw error;
    }
    return () => {
      enter(own);
      watch.end();
    };
  } catch {
    return undefined; // it may not be made, or another process that left has just removed it
  }
}

interface Group {
  readonly folder: string;
  readonly version: 1 | 2;
}

/** That of this process among those that share the processors. Where a hierarchy of version 1 has them, it counts. */
function ownGroup(): Group | undefined {
  const groups = lines("/proc/self/cgroup").map((line) => /^\d+:([^:]*):(.*)$/.exec(line) ?? []);
  const first = groups.find(([, controllers]) => controllers?.split(",").includes("cpu"));
  const [, , path] = first ?? groups.find(([, controllers]) => controllers === "") ?? [];
  return path === undefined ? undefined : mounted(path, first === undefined ? 2 : 1);
}

/** proc_pid_mountinfo(5): what is mounted of a hierarchy is the fourth field, where it is the fifth. */
function mounted(path: string, version: 1 | 2): Group | undefined {
  for (const line of lines("/proc/self/mountinfo")) {
    const [mount = "", filesystem = ""] = line.split(" - ");
    const [type, , options = ""] = filesystem.split(" ");
    const fits = version === 2 ? type === "cgroup2" : type === "cgroup" && options.split(",").includes("cpu");
    const [, , , root = "", point = ""] = mount.split(" ");
    const within = root === "/" ? path : path.slice(root.length);
    if (fits && (root === "/" || path.startsWith(root))) return { folder: join(point, within), version };
  }
  return undefined;
}

/** In version 2 a group that has processes may have groups within it when these are threaded, which leaves memory to the outer one. */
function prepared(own: Group): Group {
  const idle = { folder: join(own.folder, NAME), version: own.version };
  if (!existsSync(idle.folder)) mkdirSync(idle.folder);
  try {
    if (own.version === 2) {
      writeFileSync(join(idle.folder, "cgroup.type"), "threaded");
      writeFileSync(join(own.folder, "cgroup.subtree_control"), "+cpu");
    }
    writeFileSync(join(idle.folder, "cpu.idle"), "1");
  } catch (error) {
    rmdirSync(idle.folder);
    throw error;
  }
  return idle;
}

function enter(group: Group): void {
  writeFileSync(processesOf(group), String(process.pid));
}

function processesOf(group: Group): string {
  return join(group.folder, "cgroup.procs");
}

/** A shell that stays outside. `cat` ends with us, or when we have left by ourselves. The group goes with the last one in it. */
function watchFromOutside(own: Group, idle: Group, longestMs: number): { end(): void } {
  const script = 'timeout "$1" cat > /dev/null || echo "$2" > "$3"; rmdir "$4"';
  const values = [String(longestMs / 1_000), String(process.pid), processesOf(own), idle.folder];
  const shell = spawn("sh", ["-c", script, NAME, ...values], { stdio: ["pipe", "ignore", "ignore"] });
  shell.on("error", () => undefined);
  shell.stdin.on("error", () => undefined);
  shell.unref();
  return { end: () => shell.stdin.end() };
}

function lines(file: string): string[] {
  return readFileSync(file, "utf8").trimEnd().split("\n");
}
