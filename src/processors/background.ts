import { readFileSync, rmdirSync } from "node:fs";
import { basename, dirname } from "node:path";
import { type CpuGroup, enter, groupOf, idleGroupIn } from "./cpu-group.ts";

const NAME = "ninefold-background";
/** How often it is looked whether they come to run, milliseconds. */
const LOOK_MS = 500;
/** Share of that time that one may wait for a processor. */
const PATIENCE = 0.8;

/** Processes of this machine that run only where others leave a processor, until it is disposed. */
export interface Background extends Disposable {
  /** Takes more processes in. Does nothing for those that are in or gone, nor where there is no such group to be had. */
  add(pids: readonly number[]): void;
}

interface Member {
  readonly outer: CpuGroup;
  readonly idle: CpuGroup;
  inside: boolean;
  waitedMs: number;
}

/**
 * For long work beside a service. On a machine whose processors are always full such work would never end, and it may be what
 * relieves that machine: a process that waited in vain for most of half a second has the weight of any other for the next one.
 */
export function openBackground(): Background {
  const members = new Map<number, Member>();
  const folders = new Set<string>();
  let looked = performance.now();

  function look(): void {
    const patienceMs = PATIENCE * (performance.now() - looked);
    looked = performance.now();
    for (const [pid, member] of members) {
      try {
        const waitedMs = waitedBy(pid);
        const starved = member.inside && waitedMs - member.waitedMs > patienceMs;
        member.waitedMs = waitedMs;
        if (member.inside !== starved) continue;
        enter(starved ? member.outer : member.idle, pid);
        member.inside = !starved;
      } catch {
        members.delete(pid); // it has ended
      }
    }
  }

  const timer = setInterval(look, LOOK_MS);
  timer.unref();
  return {
    add: (pids) => {
      for (const pid of pids.filter((one) => !members.has(one))) {
        const member = taken(pid);
        if (member === undefined) continue;
        members.set(pid, member);
        folders.add(member.idle.folder);
      }
    },
    [Symbol.dispose]: () => {
      clearInterval(timer);
      for (const [pid, { outer }] of members) attempt(() => enter(outer, pid));
      for (const folder of folders) attempt(() => rmdirSync(folder));
      members.clear();
    },
  };
}

function taken(pid: number): Member | undefined {
  return attempt(() => {
    const waitedMs = waitedBy(pid);
    const group = groupOf(pid);
    if (group === undefined) return undefined;
    // Somebody else's, who was killed, may have left it there.
    const outer = basename(group.folder) === NAME ? { ...group, folder: dirname(group.folder) } : group;
    const idle = idleGroupIn(outer, NAME);
    enter(idle, pid);
    return { outer, idle, inside: true, waitedMs };
  });
}

/** How long it has been ready to run and did not, in milliseconds: the second number (kernel documentation, sched-stats). */
function waitedBy(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[1]) / 1e6;
}

/** undefined where the process is gone, the group was just removed by somebody else, or we have no right to it. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
