import { expect, test } from "vitest";
import { groupOf } from "../../src/processors/cpu-group.ts";
import { mayMakeGroups } from "../../src/processors/testing.ts";
import { processesUnder } from "../support/processes.ts";
import { startSystem } from "../support/system.ts";
import { until } from "../support/until.ts";

/** Titles of the service's processes that run only where others leave a processor, without numbers. */
function behind(folder: string): string[] {
  return processesUnder(folder)
    .filter(({ pid }) => {
      try {
        return groupOf(pid)?.folder.endsWith("/ninefold-background");
      } catch {
        return false; // it has ended meanwhile
      }
    })
    .map(({ command }) => command);
}

test.runIf(mayMakeGroups && process.getuid?.() === 0)(
  "what copies the database of a climb runs behind the service, and nothing does afterwards",
  async () => {
    await using system = await startSystem();
    await system.succeed("seed", "--size", "5000");
    const climb = system.succeed("climb");
    const seen = new Set<string>();
    await until(
      "both ends of a copy, and a comparison, were seen behind the service",
      async () => {
        for (const title of behind(system.folder)) seen.add(title);
        const titles = [...seen].join("\n");
        return [/logical replication .* sync/, /walsender/, /postgres service/].every((kind) => kind.test(titles));
      },
      60_000,
    );
    await climb;
    expect(behind(system.folder)).toEqual([]);
  },
);
