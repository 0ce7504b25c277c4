import { readFileSync, readlinkSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { type CpuGroup, groupOf, processesOf } from "../../src/processors/cpu-group.ts";
import { mayMakeGroups } from "../../src/processors/testing.ts";
import { startSystem } from "../support/system.ts";

/** Titles of the service's processes that run only where others leave a processor. */
function behind(folder: string): string[] {
  const own = groupOf("self") as CpuGroup;
  const data = realpathSync(join(folder, ".ninefold", "instances"));
  const group = processesOf({ ...own, folder: join(own.folder, "ninefold-background") });
  try {
    const pids = readFileSync(group, "utf8").split("\n").filter(Boolean);
    return pids
      .filter((pid) => readlinkSync(`/proc/${pid}/cwd`).startsWith(data))
      .map((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim());
  } catch {
    return []; // the group, or one of the processes, has just gone
  }
}

const KINDS = {
  "takes a table": /logical replication .* sync \d+$/,
  "sends a table": /walsender/,
  "builds and compares": / postgres service /,
};

test.runIf(mayMakeGroups && process.getuid?.() === 0)(
  "what copies the database of a climb runs behind the service, and nothing does afterwards",
  async () => {
    await using system = await startSystem();
    await system.succeed("seed", "--size", "20000");
    const over = system.succeed("climb").then(() => true);
    const seen = new Set<string>();
    while (!(await Promise.race([over, delay(10, false)]))) {
      for (const title of behind(system.folder)) seen.add(title);
    }
    const kinds = Object.entries(KINDS).filter(([, kind]) => [...seen].some((title) => kind.test(title)));
    expect(kinds.map(([name]) => name)).toEqual(Object.keys(KINDS));
    expect(behind(system.folder)).toEqual([]);
  },
  120_000,
);
