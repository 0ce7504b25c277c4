import type { InstanceState } from "../machine.ts";
import { restartDelay, STABLE_MS } from "./backoff.ts";
import { descendants, isAlive, type ProcessIdentity, signal, WATCH_MS } from "./identity.ts";
import type { InstanceRecord } from "./record.ts";
import { spawnRecorded } from "./spawn.ts";
import type { SystemUser } from "./user.ts";

/** What an instance needs of the agent that keeps it. */
export interface Keeper {
  readonly user: SystemUser | undefined;
  log(record: InstanceRecord): string;
  /** Descriptor of an open public socket; throws when it is not open. */
  socket(name: string): number;
  save(record: InstanceRecord): void;
  forget(record: InstanceRecord): void;
  say(event: string, facts: Record<string, unknown>): void;
}

/** One instance that is kept running until a stop is asked for. */
export interface KeptInstance {
  record(): InstanceRecord;
  state(): InstanceState;
  /** Takes over the recorded process if it lives, and says whether it does. */
  adopt(): boolean;
  /** Takes over the recorded process if it lives, begins one if it does not. */
  keep(): void;
  /** Asks the instance to end, kills it when it does not in time; fulfils when no process of it is left. */
  stop(): Promise<void>;
}

export function keptInstance(initial: InstanceRecord, keeper: Keeper): KeptInstance {
  let record = initial;
  let endsInARow = 0;
  let restart: NodeJS.Timeout | undefined;
  let kill: NodeJS.Timeout | undefined;
  let watch: NodeJS.Timeout | undefined;
  let stopping = false;
  const gone = Promise.withResolvers<void>();
  const { name } = initial;

  const update = (change: Partial<InstanceRecord>) => {
    record = { ...record, ...change };
    keeper.save(record);
  };
  /** For facts that are nice to have: a full disk must not keep the agent from stopping or restarting. */
  const note = (change: Partial<InstanceRecord>) => {
    try {
      update(change);
    } catch (cause) {
      keeper.say("record-not-written", { name, cause: String(cause) });
    }
  };

  const begin = () => {
    restart = undefined;
    try {
      const child = spawnRecorded(record.command, {
        name,
        log: keeper.log(record),
        user: keeper.user,
        socket: record.command.socket === undefined ? undefined : keeper.socket(record.command.socket),
        record: (process) => update({ process, startedAt: Date.now() }),
      });
      keeper.say("started", { name, pid: child.pid });
      child.once("error", (cause) => over(`cannot start: ${cause.message}`));
      child.once("exit", (code, by) => over(by ?? `exit ${code}`));
    } catch (cause) {
      over(`cannot start: ${(cause as Error).message}`);
    }
  };

  const adopt = () => {
    const { process } = record;
    if (process === undefined) return false;
    if (isAlive(process)) {
      keeper.say("adopted", { name, pid: process.pid });
      watch = setInterval(() => {
        if (!isAlive(process)) over("ended, seen by an agent that was not its parent");
      }, WATCH_MS);
      return true;
    }
    killQuietly(process);
    note({
      process: undefined,
      startedAt: undefined,
      restarts: record.restarts + 1,
      lastEnd: "ended while no agent ran",
    });
    return false;
  };

  const over = (how: string) => {
    clearInterval(watch);
    clearTimeout(kill);
    const { process, startedAt } = record;
    // What the instance started itself must not live on beside its successor.
    if (process !== undefined) killQuietly(process);
    record = { ...record, process: undefined };
    keeper.say("ended", { name, how, asked: record.wanted === "ended" });
    if (record.wanted === "ended") {
      keeper.forget(record);
      gone.resolve();
      return;
    }
    endsInARow = startedAt !== undefined && Date.now() - startedAt >= STABLE_MS ? 1 : endsInARow + 1;
    note({ process: undefined, startedAt: undefined, restarts: record.restarts + 1, lastEnd: how });
    restart = setTimeout(begin, restartDelay(endsInARow));
  };

  return {
    record: () => record,
    state: () => ({
      name,
      command: record.command,
      state: record.wanted === "ended" ? "stopping" : record.process === undefined ? "restarting" : "running",
      pid: record.process?.pid,
      startedAt: record.startedAt,
      restarts: record.restarts,
      lastEnd: record.lastEnd,
    }),
    adopt,
    keep: () => {
      if (!adopt()) begin();
    },
    stop: () => {
      if (stopping) return gone.promise;
      stopping = true;
      note({ wanted: "ended" });
      clearTimeout(restart);
      const { process } = record;
      const { stop } = record.command;
      if (process === undefined) over("was not running");
      else {
        // A process that ended in this moment is noticed by whoever watches it.
        signal(process, stop.signal);
        kill = setTimeout(() => killAll(process), stop.withinMs);
      }
      return gone.promise;
    },
  };
}

function killQuietly(process: ProcessIdentity): void {
  try {
    signal(process, "SIGKILL", { group: true });
  } catch {
    // Nobody is left in the group but processes of other users, which are not ours.
  }
}

/** The process, its group, and what it put into groups of its own; never this agent, which an instance may have started. */
function killAll(instance: ProcessIdentity): void {
  const below = descendants(instance.pid, process.pid);
  killQuietly(instance);
  for (const child of below) signal(child, "SIGKILL");
}
