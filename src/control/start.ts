import { existsSync, realpathSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { localMachine } from "../machine/local/index.ts";
import type { Command } from "../machine/machine.ts";
import { COMPILE_CACHE, ownProgram } from "../topology/package.ts";
import { NinefoldError } from "../topology/problem.ts";
import { CONTROL, findControl } from "./address.ts";
import { type ControlClient, controlClient, type PlanEvents } from "./client.ts";
import type { Change } from "./event.ts";
import { checkFormat } from "./format.ts";
import { Journal } from "./journal.ts";
import { logTail } from "./log-tail.ts";
import { statePaths } from "./paths.ts";
import { seldom } from "./seldom.ts";

export interface StartOptions {
  /** Longest wait for the control plane's first answer, in milliseconds; default 15,000. */
  readonly withinMs?: number;
  /** Called where nothing was ever started before, with the folder's one name, as soon as there is an agent. */
  readonly first?: (folder: string) => void;
}

/** The control plane ended at once, or does not answer. */
class ControlDidNotStart extends NinefoldError {
  constructor(log: string, says: string) {
    super("control-did-not-start", { at: log, says, fix: "remove the cause and try again" });
  }
}

/** How often to ask the agent whether it ended. */
const STATE_MS = 200;
/** Ends in a row after which a start is given up. */
const TRIES = 3;

/**
 * The control plane of a service's folder; starts an agent and a control plane when none runs.
 * Throws NewerState and JournalCorrupt with nothing touched, MachineFolderUnusable, AgentFailed, ControlDidNotStart.
 */
export async function ensureControl(folder: string, options: StartOptions = {}): Promise<ControlClient> {
  const own = canonical(folder);
  const found = await connect(own);
  if (found !== undefined) return found;
  const paths = statePaths(own);
  await checkFormat(paths);
  if (existsSync(paths.journal)) new Journal(paths.journal)[Symbol.dispose]();
  const first = !existsSync(paths.root);
  const machine = localMachine(own);
  const state = async () => (await machine.list()).find(({ name }) => name === CONTROL);
  await machine.start(CONTROL, controlCommand(own));
  if (first) options.first?.(own);
  const before = (await state())?.restarts ?? 0;
  const log = machine.log(CONTROL);
  const look = seldom(STATE_MS, state);
  for (const deadline = Date.now() + (options.withinMs ?? 15_000); Date.now() < deadline; await delay(20)) {
    const control = await connect(own);
    if (control !== undefined) return control;
    const now = await look();
    if ((now?.restarts ?? 0) - before >= TRIES) {
      throw new ControlDidNotStart(
        log,
        `the control plane ended ${TRIES} times (${now?.lastEnd})${await logTail(log, 3)}`,
      );
    }
  }
  throw new ControlDidNotStart(log, `the control plane does not answer${await logTail(log, 3)}`);
}

/** The control plane of a service's folder if one runs and answers; starts nothing. */
export async function connect(folder: string): Promise<ControlClient | undefined> {
  const own = canonical(folder);
  const client = controlClient(() => findControl(own));
  if ((await findControl(own)) === undefined) return undefined;
  return (await client.answers()) ? stopping(client, own) : undefined;
}

/** After a `down` nothing is left to control: the control plane and its agent end, too, before the events do. */
function stopping(client: ControlClient, folder: string): ControlClient {
  async function* down(events: PlanEvents, destroy: boolean): PlanEvents {
    for await (const event of events) {
      if (event.kind === "finished") {
        const machine = localMachine(folder);
        await machine.shutdown();
        if (destroy) machine.forget();
      }
      yield event;
    }
  }
  return {
    ...client,
    down: (options) => down(client.down(options), options?.destroy === true),
    apply: (change: Change) =>
      change.kind === "down" ? down(client.apply(change), change.destroy === true) : client.apply(change),
  };
}

/** How the agent runs the control plane. */
function controlCommand(folder: string): Command {
  const env = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"].map((name) => [name, process.env[name]] as const);
  return {
    file: process.execPath,
    args: [...ownProgram("control/main"), folder],
    env: {
      NODE_COMPILE_CACHE: COMPILE_CACHE,
      ...Object.fromEntries(env.filter((entry): entry is readonly [string, string] => entry[1] !== undefined)),
    },
    cwd: "/",
    user: "self",
    stop: { signal: "SIGTERM", withinMs: 5_000 },
  };
}

/** One name for a folder, so that it has one agent whichever way it was reached. */
function canonical(folder: string): string {
  return existsSync(folder) ? realpathSync(folder) : resolve(folder);
}
