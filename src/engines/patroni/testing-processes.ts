import { readdirSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/** All processes that work in a folder or below it: of a member, its reaper, Patroni and PostgreSQL with all that belongs to them. */
export function processesIn(folder: string): number[] {
  let real: string;
  try {
    real = realpathSync(folder);
  } catch {
    return [];
  }
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && worksIn(pid, real));
}

function worksIn(pid: number, folder: string): boolean {
  try {
    const cwd = readlinkSync(`/proc/${pid}/cwd`);
    return (
      (cwd === folder || cwd.startsWith(`${folder}/`)) && !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ")
    );
  } catch {
    return false; // it ended meanwhile, or is not ours to look at
  }
}

/** A signal for all of them at once, as when a host fails. */
export function signalAll(folder: string, signal: NodeJS.Signals): number {
  const pids = processesIn(folder);
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended meanwhile.
    }
  }
  return pids.length;
}

/** SIGKILL for all of them, until none is left. */
export async function killAll(folder: string): Promise<void> {
  while (signalAll(folder, "SIGKILL") > 0) await delay(2);
}
