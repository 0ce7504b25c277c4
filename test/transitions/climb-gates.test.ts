import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { asSuperuser } from "../support/database.ts";
import { type System, startSystem } from "../support/system.ts";
import { expectKept } from "../support/verdict.ts";

let system: System;

beforeAll(async () => {
  system = await startSystem();
});

afterAll(() => system?.[Symbol.asyncDispose]());

/** Climbs in vain under traffic: what served before serves, no request fails, and nothing of the climb is left. */
async function refusedClimb(): Promise<string> {
  await using traffic = await system.check({ users: 10, rate: 50 });
  const { code, stderr } = await system.ninefold("climb");
  expectKept(await traffic.finish({ after: 1_000 }));
  expect(code).toBe(1);
  const { rung, state, instances, problems } = await system.status();
  expect({ rung, state, problems }).toEqual({ rung: 1, state: "up", problems: [] });
  expect(instances.map(({ name }) => name).sort()).toEqual([
    "dc1.app.1@1",
    "dc1.control",
    "dc1.db.1",
    "dc1.worker.1@1",
  ]);
  return stderr;
}

test("a large object, which logical replication leaves behind, stops the climb before anything is copied", async () => {
  await asSuperuser(system.folder, "select lo_create(4711)");
  expect(await refusedClimb()).toMatch(/large object[\s\S]*fix/i);
  await asSuperuser(system.folder, "select lo_unlink(4711)");
});

test("a port that the new database finds taken stops the climb, and is named", async () => {
  const network = readFileSync(join(system.folder, ".ninefold", "network"), "utf8").trim();
  const other = createServer().listen(5432, `127.1.${network}.111`);
  await once(other, "listening");
  try {
    expect(await refusedClimb()).toMatch(/5432[\s\S]*fix/);
  } finally {
    other.close();
  }
});
