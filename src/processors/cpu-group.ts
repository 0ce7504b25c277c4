import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A control group among those that share the processors (cgroups(7)). Linux only. */
export interface CpuGroup {
  readonly folder: string;
  readonly version: 1 | 2;
}

/** That of a process. Where a hierarchy of version 1 has the processors, it counts. */
export function groupOf(pid: number | "self"): CpuGroup | undefined {
  const groups = lines(`/proc/${pid}/cgroup`).map((line) => /^\d+:([^:]*):(.*)$/.exec(line) ?? []);
  const first = groups.find(([, controllers]) => controllers?.split(",").includes("cpu"));
  const [, , path] = first ?? groups.find(([, controllers]) => controllers === "") ?? [];
  return path === undefined ? undefined : mounted(path, first === undefined ? 2 : 1);
}

/**
 * A group within another that gets a processor only where nobody else wants it: Linux interrupts those in such a group at once for
 * whoever wakes up (`cpu.idle`, Control Group v2, "CPU Interface Files"), which no priority of a thread or of a session brings about.
 * Memory and all other limits stay those of the outer one: in version 2 a group that has processes may have groups within it when
 * these are threaded.
 */
export function idleGroupIn(outer: CpuGroup, name: string): CpuGroup {
  const idle = { folder: join(outer.folder, name), version: outer.version };
  if (!existsSync(idle.folder)) mkdirSync(idle.folder);
  try {
    if (outer.version === 2) {
      writeFileSync(join(idle.folder, "cgroup.type"), "threaded");
      writeFileSync(join(outer.folder, "cgroup.subtree_control"), "+cpu");
    }
    writeFileSync(join(idle.folder, "cpu.idle"), "1");
  } catch (error) {
    rmdirSync(idle.folder);
    throw error;
  }
  return idle;
}

export function enter(group: CpuGroup, pid: number): void {
  writeFileSync(processesOf(group), String(pid));
}

/** The file that takes the number of a process that enters, and lists those that have. */
export function processesOf(group: CpuGroup): string {
  return join(group.folder, "cgroup.procs");
}

/** proc_pid_mountinfo(5): what is mounted of a hierarchy is the fourth field, where it is the fifth. */
function mounted(path: string, version: 1 | 2): CpuGroup | undefined {
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

function lines(file: string): string[] {
  return readFileSync(file, "utf8").trimEnd().split("\n");
}
