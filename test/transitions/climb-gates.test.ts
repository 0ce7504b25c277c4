import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CANNOT_MOUNT, type SmallDisk, smallDisk } from "../../src/move/small-disk.fixture.ts";
import { asSuperuser } from "../support/database.ts";
import { type System, startSystem } from "../support/system.ts";
import { expectKept } from "../support/verdict.ts";

let system: System;

beforeAll(async () => {
  system = await startSystem();
});

afterAll(() => system?.[Symbol.asyncDispose]());

/** Climbs in vain under traffic: what served before serves, no request fails, and nothing of the climb is left. */
async function refusedClimb(...options: readonly string[]): Promise<string> {
  await using traffic = await system.check({ users: 10, rate: 50 });
  const { code, stderr } = await system.ninefold("climb", ...options);
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

test("a table without a key that cannot be followed stops the climb, and is named", async () => {
  await asSuperuser(system.folder, "create table loose (v json)");
  expect(await refusedClimb()).toMatch(/public\.loose[\s\S]*no primary key[\s\S]*add primary key/);
  await asSuperuser(system.folder, "drop table loose");
});

/** Takes the ports of an address for the time of `work`. */
async function withoutPorts<T>(host: number, ports: readonly number[], work: () => Promise<T>): Promise<T> {
  const network = readFileSync(join(system.folder, ".ninefold", "network"), "utf8").trim();
  const others = ports.map((port) => createServer().listen(port, `127.1.${network}.${host}`));
  await Promise.all(others.map((other) => once(other, "listening")));
  try {
    return await work();
  } finally {
    for (const other of others) other.close();
  }
}

test("a port that the new database finds taken stops the climb, and is named", async () => {
  expect(await withoutPorts(111, [5432], () => refusedClimb())).toMatch(/5432[\s\S]*fix/);
});

test("a new server that never gets ready stops the climb behind the move, and the database comes back with all writes", {
  timeout: 600_000,
}, async () => {
  const ports = [1, 2, 3].map((release) => 10_000 + release);
  expect(await withoutPorts(11, ports, () => refusedClimb("--to", "3"))).toMatch(/dc1\.app\.1[\s\S]*fix/);
});

/** Puts what the new database keeps onto a disk of its own, as a link that somebody made. */
function placeOn(disk: SmallDisk, folder: string): void {
  mkdirSync(join(disk.folder, folder));
  symlinkSync(join(disk.folder, folder), join(system.folder, ".ninefold", "instances", "dc1.db-2.1"));
}

test("a disk that has no room for the rows stops the climb; with room it goes", {
  timeout: 600_000,
}, async ({ skip }) => {
  using disk = smallDisk(170);
  if (disk === undefined) return skip(CANNOT_MOUNT);
  placeOn(disk, "first");
  expect(await refusedClimb()).toMatch(/needs about \d+ MiB of disk, and \d+ MiB are free[\s\S]*free some space/);
  expect(readdirSync(join(disk.folder, "first"))).toEqual([]);
  disk.grow(1_000);
  placeOn(disk, "second");
  await using traffic = await system.check({ users: 10, rate: 50 });
  await system.succeed("climb");
  expectKept(await traffic.finish({ after: 1_000 }));
  expect(disk.freeBytes()).toBeLessThan(980 * 1_048_576);
  await system.succeed("descend");
  await system.succeed("finish");
});
