import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { setPriority } from "node:os";
import { joinIdleGroup } from "./idle-group.ts";

/** Share of a processor against that of what serves: about a tenth where both want all of it (setpriority(2), sched(7)). */
const STARTING = 10;
const SERVING = 0;
/** A machine whose processors are all busy must not keep an instance from ever starting, milliseconds. */
const LONGEST_MS = 5_000;
/** The kernel takes one change of a session's priority in a tenth of a second from ordinary users, milliseconds. */
const AGAIN_MS = 150;

let takeBack: (() => void) | undefined;

/**
 * Loading the code keeps a processor busy for a second, which those that serve beside it would miss. So it gives way to them, until
 * {@link servesNow} or for 5 s: it runs where they leave a processor free; where Linux does not let us have that, with a tenth of
 * their weight.
 */
export function givesWay(): void {
  takeBack = joinIdleGroup(LONGEST_MS) ?? lowerPriority();
  process.once("exit", servesNow);
}

/** Takes back what {@link givesWay} gave up; does nothing where it gave up nothing. */
export function servesNow(): void {
  takeBack?.();
  takeBack = undefined;
}

function lowerPriority(): () => void {
  setSession(STARTING);
  // Without CAP_SYS_NICE a user may not take back what a thread gave up.
  if (setThreads(SERVING + 1) && setThreads(SERVING)) setThreads(STARTING);
  const raise = setTimeout(servesNow, LONGEST_MS);
  raise.unref();
  return () => {
    clearTimeout(raise);
    setThreads(SERVING);
    setSession(SERVING);
  };
}

/** On Linux a priority is a thread's, elsewhere the process's. Later threads have that of the one that makes them. */
function setThreads(priority: number): boolean {
  return threads().every((thread) => {
    try {
      setPriority(thread, priority);
      return true;
    } catch (error) {
      return (error as { info?: { code?: string } }).info?.code === "ESRCH"; // it has ended meanwhile
    }
  });
}

function threads(): number[] {
  if (process.platform !== "linux") return [0];
  return readdirSync("/proc/self/task").map(Number);
}

/**
 * Linux shares its processors between sessions first, and the priorities of threads count only within one (sched(7), "The autogroup
 * feature"). An instance has a session of its own; in anybody else's nothing is changed.
 */
function setSession(priority: number): void {
  if (!leadsSession()) return;
  try {
    writeFileSync("/proc/self/autogroup", String(priority));
  } catch (error) {
    // Without the feature there is no such file. What was given up has to come back.
    if ((error as NodeJS.ErrnoException).code !== "EAGAIN" || priority !== SERVING) return;
    setTimeout(setSession, AGAIN_MS, priority).unref();
  }
}

/** proc(5): the session is the fourth field of `stat` after the command's name. */
function leadsSession(): boolean {
  try {
    const stat = readFileSync("/proc/self/stat", "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[3]) === process.pid;
  } catch {
    return false;
  }
}
