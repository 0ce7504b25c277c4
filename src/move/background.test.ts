import { readFileSync } from "node:fs";
import { expect, test, vi } from "vitest";
import { openMove } from "./move.ts";
import { MOVE_STEPS } from "./steps.ts";
import { asRole, context, rows, testMove } from "./testing.ts";

// Copies of whole databases between two servers, on a machine that others may be using.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

test.runIf(process.platform === "linux")(
  "what copies, builds and compares goes behind the service; what the cut-over waits for does not",
  async () => {
    await using system = await testMove();
    await asRole(system.source, system.source.owner, (client) =>
      client.query(`insert into ledger (op, account, amount, at)
        select gen_random_uuid(), 1, 1, now() from generate_series(1, 400000)`),
    );
    const seen = new Set<string>();
    const all = new Set<number>();
    let step = "";
    const background = (pids: readonly number[]) => {
      for (const pid of pids) {
        seen.add(`${step}: ${kindOf(pid)}`);
        all.add(pid);
      }
    };
    const { source, target, ...spec } = system.spec;
    await using move = openMove({ ...spec, source: { ...source, background }, target: { ...target, background } });
    for (const { name, run } of MOVE_STEPS) {
      step = name;
      await run(move, context());
      if (name !== "finish-schema") continue;
      const [sender] = await rows<{ pid: number }>(system.source, "select active_pid as pid from pg_replication_slots");
      const [taker] = await rows<{ pid: number }>(
        system.target,
        "select pid from pg_stat_subscription where pid is not null",
      );
      for (const one of [sender, taker]) expect(all.has(one?.pid ?? expect.fail("nothing follows"))).toBe(false);
    }
    expect([...seen].sort()).toEqual([
      "await-copy: sends a table",
      "await-copy: takes a table",
      "finish-schema: asks",
      "verify: asks",
    ]);
  },
);

/** What a process of PostgreSQL does, as it shows in its title. */
function kindOf(pid: number): string {
  const title = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  if (/ logical replication .* sync \d+$/.test(title)) return "takes a table";
  if (/ walsender /.test(title)) return "sends a table";
  return / postgres test /.test(title) ? "asks" : title;
}
