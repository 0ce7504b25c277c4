import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { z } from "zod";

/**
 * One process for ever: the system gives a pid again once its process is gone, but never with the same time of start.
 */
export const ProcessIdentity = z.object({ pid: z.int().min(1), started: z.string().min(1) });
export type ProcessIdentity = z.infer<typeof ProcessIdentity>;

/** How often to ask whether a process that is not our child still lives, in milliseconds; asking is costly where there is no /proc. */
export const WATCH_MS = process.platform === "linux" ? 100 : 1_000;

/** The identity of a living process; undefined when there is none, or when it is dead and only not yet reaped. */
export function identify(pid: number): ProcessIdentity | undefined {
  const started = process.platform === "linux" ? startedOnLinux(pid) : startedElsewhere(pid);
  return started === undefined ? undefined : { pid, started };
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.started === identity.started;
}

/**
 * Sends a signal to exactly that process, never to another one that was given its pid since; with `group` to all that is
 * left of its process group, which keeps its number while anyone is in it.
 */
export function signal(to: ProcessIdentity, name: NodeJS.Signals, options?: { group: true }): void {
  const now = identify(to.pid);
  if (
    options?.group ? (now !== undefined && now.started !== to.started) || !ofThisBoot(to) : now?.started !== to.started
  ) {
    return;
  }
  try {
    process.kill(options?.group ? -to.pid : to.pid, name);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ESRCH") throw cause;
  }
}

/**
 * Processes that a process started, and those that these started, as far as the links still stand. A server may put its
 * parts in groups of their own, as PostgreSQL does, so a signal to its group misses them.
 * @param but a process to leave out, with all below it
 */
export function descendants(of: number, but: number): ProcessIdentity[] {
  const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" }).trim().split("\n");
  const pairs = lines.map((line) => line.trim().split(/\s+/).map(Number));
  const below = (parent: number): number[] =>
    pairs.flatMap(([pid = 0, ppid]) => (ppid === parent && pid !== but && pid !== parent ? [pid, ...below(pid)] : []));
  return below(of).flatMap((pid) => identify(pid) ?? []);
}

let boot: string | undefined;

function bootId(): string {
  boot ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return boot;
}

function ofThisBoot(identity: ProcessIdentity): boolean {
  return process.platform !== "linux" || identity.started.startsWith(`${bootId()}/`);
}

function startedOnLinux(pid: number): string | undefined {
  try {
    // proc(5): the name in parentheses may hold spaces; state is field 3, threads 20, start time in ticks since boot 22.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A zombie with threads is still ending: they hold its files, and so its ports, for some more milliseconds.
    if ((fields[0] === "Z" || fields[0] === "X") && Number(fields[17]) <= 1) return undefined;
    return `${bootId()}/${fields[19]}`;
  } catch {
    return undefined;
  }
}

function startedElsewhere(pid: number): string | undefined {
  try {
    const line = execFileSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], {
      encoding: "utf8",
      env: { PATH: process.env.PATH ?? "/usr/bin:/bin", LC_ALL: "C" },
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
    const [state = "Z", ...start] = line.split(/\s+/);
    return state.startsWith("Z") || start.length === 0 ? undefined : start.join(" ");
  } catch {
    return undefined;
  }
}
