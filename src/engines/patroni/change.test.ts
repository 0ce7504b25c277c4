import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../../machine/local/testing.ts";
import type { Placed } from "../engine.ts";
import { patroniEngine } from "./engine.ts";
import { type TestMember, testMember } from "./member.fixture.ts";
import { patroniAsk } from "./rest.ts";
import type { PatroniSpec } from "./spec.ts";

let member: TestMember;
let now: Placed<PatroniSpec>;
beforeAll(async () => {
  member = await testMember();
  await member.start();
  now = member.patroni;
}, 60_000);
afterAll(() => member[Symbol.asyncDispose]());

/** Does what the control plane does: writes the files, then asks the engine. */
async function change(to: Partial<PatroniSpec>): Promise<"changed" | "restart"> {
  const next = { ...now, spec: { ...now.spec, ...to } };
  await member.system.machine.write(next.name, patroniEngine.render(next), "engine");
  const how = await patroniEngine.change(now, next.spec);
  now = next;
  return how;
}

async function shown(...names: string[]): Promise<Record<string, string>> {
  const client = await member.connect();
  const { rows } = await client.query(
    `select ${names.map((name) => `current_setting('${name}') as ${name}`).join(", ")}, pg_postmaster_start_time()::text as started`,
  );
  await client.end();
  return rows[0];
}

test("more memory and connections are in force when the change returns, after one restart by Patroni", async () => {
  const patroni = await member.pid("patroni");
  const before = await shown("max_connections");
  expect(await change({ maxConnections: 60, memoryMb: 256 })).toBe("changed");
  const after = await shown("max_connections", "shared_buffers", "effective_cache_size");
  expect(after).toMatchObject({ max_connections: "60", shared_buffers: "64MB", effective_cache_size: "192MB" });
  expect(after.started).not.toBe(before.started);
  expect(await member.pid("patroni")).toBe(patroni);

  expect(await change({})).toBe("changed"); // the same again restarts nothing
  expect((await shown("port")).started).toBe(after.started);
}, 60_000);

test("a change that a running server can take up restarts nothing", async () => {
  const before = await shown("shared_buffers");
  expect(await change({ memoryMb: 257 })).toBe("changed");
  expect(await shown("shared_buffers", "effective_cache_size")).toMatchObject({
    ...before,
    effective_cache_size: "192MB",
  });
  expect(await change({ memoryMb: 258 })).toBe("changed");
  expect(await shown("effective_cache_size")).toMatchObject({ effective_cache_size: "193MB", started: before.started });
}, 60_000);

test("what somebody has set with ALTER SYSTEM stays, and stands in the way of nothing else", async () => {
  const client = await member.connect();
  await client.query("alter system set effective_cache_size = '64MB'");
  await client.query("alter system set shared_buffers = '48MB'");
  const before = await shown("port");
  expect(await change({ memoryMb: 260, maxConnections: 61 })).toBe("changed");
  const after = await shown("effective_cache_size", "shared_buffers", "max_connections");
  expect(after).toMatchObject({ effective_cache_size: "64MB", shared_buffers: "48MB", max_connections: "61" });
  expect(after.started).not.toBe(before.started);
  await client.end().catch(() => undefined);
  const again = await member.connect();
  await again.query("alter system reset all");
  await again.end();
}, 90_000);

test("fewer connections are taken up as well", async () => {
  expect(await change({ maxConnections: 30 })).toBe("changed");
  expect(await shown("max_connections")).toMatchObject({ max_connections: "30" });
}, 60_000);

test("another port needs a stop and a start", async () => {
  expect(await patroniEngine.change(now, { ...now.spec, port: now.spec.port + 1 })).toBe("restart");
});

test("Patroni leaves the replication slots of a move alone, and drops others", async () => {
  const client = await member.connect();
  await client.query("select pg_create_logical_replication_slot('ninefold_move_1', 'pgoutput')");
  await client.query("select pg_create_logical_replication_slot('pg_16400_sync_16391_123', 'pgoutput')");
  await client.query("select pg_create_logical_replication_slot('stray', 'test_decoding')");
  // A new Patroni looks at all slots that there are.
  process.kill(await member.pid("patroni"), "SIGKILL");
  const names = async () =>
    (await client.query("select slot_name from pg_replication_slots order by 1")).rows.map((row) => row.slot_name);
  await until("Patroni dropped the other one", async () => !(await names()).includes("stray"));
  expect(await names()).toEqual(["ninefold_move_1", "pg_16400_sync_16391_123"]);
}, 30_000);

test("a Patroni that starts, and has no settings yet, is waited for", async () => {
  await using other = await testMember();
  const started = other.start();
  const { spec } = other.patroni;
  const changed = async () => {
    try {
      await patroniAsk(spec, "PATCH", "/config", { postgresql: { parameters: { work_mem: "5MB" } } }, 30_000);
      return true;
    } catch (error) {
      if (!/cannot be reached/.test(String(error))) throw error;
      return false;
    }
  };
  await until("it answers", changed);
  await started;
}, 60_000);
