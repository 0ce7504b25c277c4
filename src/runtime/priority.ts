import { readdirSync } from "node:fs";
import { setPriority } from "node:os";

/** Share of a processor against that of what serves: about a tenth where both want all of it (setpriority(2), sched(7)). */
const STARTING = 10;
const SERVING = 0;
/** A machine whose processors are all busy must not keep an instance from ever starting, milliseconds. */
const LONGEST_MS = 5_000;

let raise: NodeJS.Timeout | undefined;

/**
 * Loading the code keeps a processor busy for a second, which those that serve beside it would miss. So it gives way to them, until
 * {@link servesNow} or for 5 s. Does nothing where this user may not take a priority back, as one without CAP_SYS_NICE.
 */
export function givesWay(): void {
  if (!setAll(SERVING + 1) || !setAll(SERVING)) return;
  setAll(STARTING);
  raise = setTimeout(servesNow, LONGEST_MS);
  raise.unref();
}

/** Takes back the priority that {@link givesWay} gave up; does nothing where it gave up none. */
export function servesNow(): void {
  if (raise === undefined) return;
  clearTimeout(raise);
  raise = undefined;
  setAll(SERVING);
}

/** On Linux a priority is a thread's, elsewhere the process's. Later threads have that of the one that makes them. */
function setAll(priority: number): boolean {
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
