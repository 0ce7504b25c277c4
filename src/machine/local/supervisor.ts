import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { InstanceName } from "../../topology/names.ts";
import type { Command, InstanceState } from "../machine.ts";
import { type Keeper, type KeptInstance, keptInstance } from "./instance.ts";
import { AgentFailed } from "./problem.ts";
import { type InstanceRecord, readRecords, removeRecord, writeRecord } from "./record.ts";

/** All instances of a machine's folder. */
export interface Supervisor {
  /**
   * Starts an instance, or replaces it when it runs another command; nothing when it runs this one.
   * @throws AgentFailed while all are stopped: whoever asks for it then would leave it behind
   */
  start(name: InstanceName, command: Command): Promise<void>;
  /** Fulfils when no process of the instance is left; at once when there is none. */
  stop(name: InstanceName): Promise<void>;
  /** Stops all, last started first. Killed meanwhile, the next supervisor of the folder goes on with it. */
  stopAll(): Promise<void>;
  list(): readonly InstanceState[];
}

/**
 * Takes over what the records say: adopts what runs, starts what should run, ends what should not, all in the order of
 * their first start.
 * @param folder of the records
 * @returns the supervisor, and whether a shutdown was under way, now finished
 */
export async function supervise(
  folder: string,
  keeper: Omit<Keeper, "save" | "forget">,
): Promise<{ supervisor: Supervisor; shutDown: boolean }> {
  const kept = new Map<InstanceName, KeptInstance>();
  const inTurn = turns<InstanceName>();
  const marker = join(folder, "shutdown");
  let ending = false;
  const tools: Keeper = {
    ...keeper,
    save: (record) => writeRecord(folder, record),
    forget: ({ name }) => {
      removeRecord(folder, name);
      kept.delete(name);
    },
  };
  const add = (record: InstanceRecord) => {
    const instance = keptInstance(record, tools);
    kept.set(record.name, instance);
    return instance;
  };
  const inOrder = () => [...kept.values()].sort((a, b) => a.record().order - b.record().order);

  const supervisor: Supervisor = {
    start: (name, command) =>
      inTurn(name, async () => {
        const before = kept.get(name)?.record();
        if (before?.wanted === "running" && isDeepStrictEqual(before.command, command)) return;
        await kept.get(name)?.stop();
        if (ending) throw notStarted(name);
        const order = before?.order ?? Math.max(0, ...inOrder().map((instance) => instance.record().order)) + 1;
        const record: InstanceRecord = { version: 1, order, name, command, wanted: "running", restarts: 0 };
        writeRecord(folder, record);
        add(record).keep();
      }),
    stop: (name) => inTurn(name, async () => kept.get(name)?.stop()),
    stopAll: async () => {
      ending = true;
      writeFileSync(marker, "");
      for (const group of alike(inOrder().reverse())) await Promise.all(group.map((instance) => instance.stop()));
      rmSync(marker, { force: true });
    },
    list: () => inOrder().map((instance) => instance.state()),
  };

  const shutDown = existsSync(marker);
  const records = readRecords(folder).map((record) => add(record));
  for (const instance of records) {
    if (shutDown || instance.record().wanted === "ended") instance.adopt();
    else instance.keep();
  }
  for (const instance of records) if (!shutDown && instance.record().wanted === "ended") void instance.stop();
  if (shutDown) await supervisor.stopAll();
  return { supervisor, shutDown };
}

function notStarted(name: InstanceName): AgentFailed {
  const says = "is not started, since everything is being stopped";
  return new AgentFailed({ at: name, says, fix: "Start the service again when it has stopped" });
}

/** Runs work on the same key one after another. */
function turns<K>(): <T>(key: K, work: () => Promise<T>) => Promise<T> {
  const last = new Map<K, Promise<unknown>>();
  return (key, work) => {
    const mine = (last.get(key) ?? Promise.resolve()).then(work, work);
    last.set(key, mine);
    return mine;
  };
}

/** Neighbours of one role, such as all app instances, which may stop together. */
function alike(instances: readonly KeptInstance[]): KeptInstance[][] {
  const role = (instance: KeptInstance) => instance.record().name.split(".").slice(0, 2).join(".");
  const groups: KeptInstance[][] = [];
  for (const instance of instances) {
    const last = groups.at(-1);
    if (last?.[0] !== undefined && role(last[0]) === role(instance)) last.push(instance);
    else groups.push([instance]);
  }
  return groups;
}
