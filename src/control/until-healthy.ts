import type { Engine, Health, Placed } from "../engines/engine.ts";
import type { LocalMachine } from "../machine/local/index.ts";
import type { InstanceName } from "../topology/names.ts";
import { logTail } from "./log-tail.ts";
import { StepFailed } from "./problem.ts";
import { seldom } from "./seldom.ts";
import { until } from "./until.ts";
import type { StepContext } from "./world.ts";

/** Longest wait for an engine's health, in milliseconds; PostgreSQL's recovery after a crash may replay for long. */
const START_MS = 60_000;
const RECOVERY_MS = 600_000;
/** Ends in a row after which a start is given up. */
const TRIES = 3;
/** How often to look at its health, and to ask the agent whether it has ended. Milliseconds. */
const LOOK_MS = 30;
const STATE_MS = 200;

interface Waiting extends StepContext {
  readonly failed: (name: InstanceName, says: string) => Promise<StepFailed>;
  /** More than health that the instance must have; undefined when all is well. */
  readonly lacks?: (health: Health & { healthy: true }) => string | undefined;
}

/** Starts an engine's instance from the files on disk and waits until it says that it is well. */
export async function untilHealthy<Spec>(
  engine: Engine<Spec>,
  placed: Placed<Spec>,
  machine: LocalMachine,
  { signal, progress, failed, lacks = () => undefined }: Waiting,
): Promise<void> {
  const { name } = placed;
  const state = async () => (await machine.list()).find((instance) => instance.name === name);
  const before = (await state())?.restarts ?? 0;
  const look = seldom(STATE_MS, state);
  await machine.start(name, engine.command(placed));
  await until(
    async () => {
      const health = await engine.health(placed);
      const missing = health.healthy ? lacks(health) : health.says;
      if (missing === undefined) return { open: true };
      const now = await look();
      if ((now?.restarts ?? 0) - before >= TRIES) throw await failed(name, `it ended ${TRIES} times: ${missing}`);
      return { open: false, says: missing, blocked: isBlocked(health) };
    },
    {
      everyMs: LOOK_MS,
      withinMs: (says) => (says === "starting up" ? RECOVERY_MS : START_MS),
      signal,
      progress,
      late: (says, ms) => failed(name, `it is not well after ${Math.round(ms / 1_000)} s: ${says}`),
    },
  );
}

/** Whether something outside of the instance is in its way. */
export function isBlocked(health: Health): boolean {
  return !health.healthy && health.blocked === true;
}

/** Makes the error of an instance that does not start, with the end of its log. */
export function startFailed(code: string, machine: LocalMachine) {
  return async (name: InstanceName, says: string): Promise<StepFailed> => {
    const log = machine.log(name);
    return new StepFailed(code, {
      at: name,
      says: `${says}${await logTail(log)}`,
      fix: `remove the cause and try again; the whole log is in ${log}`,
    });
  };
}
