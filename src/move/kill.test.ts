import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test, vi } from "vitest";
import { MOVE_STEPS } from "./steps.ts";
import { audit, context, rows, testMove, Writers } from "./testing.ts";
import { abandon, dropOld } from "./undo.ts";

// Copies of whole databases between two servers, on a machine that others may be using.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

/** Statements of a step after which its process is killed; the last of them is more than most steps send. */
const KILLS = process.env.NINEFOLD_ALL_KILLS === undefined ? [2, 7] : Array.from({ length: 40 }, (_, n) => n + 1);

/** Runs a step in a process of its own that is killed at its n-th statement. @returns whether it came to its end before */
async function runKilled(spec: object, step: string, at: number): Promise<boolean> {
  const fixture = fileURLToPath(new URL("./kill.fixture.ts", import.meta.url));
  const child = spawn(process.execPath, ["--conditions=ninefold-source", "--no-warnings", fixture], {
    stdio: ["pipe", "inherit", "inherit"],
  });
  child.stdin.end(JSON.stringify({ spec, step, at, answered: at % 2 === 0 }));
  const [code, signal] = await once(child, "close");
  if (signal !== "SIGKILL" && code !== 0) throw new Error(`${step}, killed at statement ${at}: ended with ${code}`);
  return signal !== "SIGKILL";
}

test("whoever moves may be killed at any step and begin it again: nothing lost, nothing twice, nothing left", async () => {
  await using system = await testMove({ rows: 300 });
  const { source, target, move, spec } = system;
  const writers = new Writers(source, 4);
  let killed = 0;
  for (const { name, run } of MOVE_STEPS) {
    for (const at of KILLS) {
      if (await runKilled(spec, name, at)) break;
      killed += 1;
    }
    await run(move, context());
    if (name === "open") writers.point(target);
  }
  await writers.stop();
  expect(killed).toBeGreaterThan(8);
  expect(writers.failures).toEqual([]);
  expect(await audit(target, writers.acknowledged)).toEqual({ lost: 0, duplicated: 0 });
  await expect.poll(() => audit(source, writers.acknowledged), { timeout: 20_000 }).toEqual({ lost: 0, duplicated: 0 });
  await dropOld(move, context());
  for (const server of [source, target]) {
    expect(await rows(server, "select slot_name from pg_replication_slots")).toEqual([]);
    expect(await rows(server, "select nspname from pg_namespace where nspname ~ '^ninefold_move'")).toEqual([]);
    expect(await rows(server, "select rolname from pg_roles where rolname ~ '^ninefold_move'")).toEqual([]);
  }
});

test("whoever gives a move up may be killed, and do it again", async () => {
  await using system = await testMove({ rows: 100 });
  const { source, target, move, spec } = system;
  for (const { name, run } of MOVE_STEPS) {
    if (name === "open") break;
    await run(move, context());
  }
  for (const at of [3, 8, 13, 18, 23, 28, 33, 38, 43]) if (await runKilled(spec, "abandon", at)) break;
  await abandon(move, context());
  for (const server of [source, target]) {
    expect(await rows(server, "select slot_name from pg_replication_slots")).toEqual([]);
    expect(await rows(server, "select rolname from pg_roles where rolname ~ '^ninefold_move'")).toEqual([]);
    expect(await rows(server, "select from ninefold.fence")).toEqual([]);
  }
  expect(await rows(target, "select from pg_tables where schemaname = 'public'")).toEqual([]);
});
