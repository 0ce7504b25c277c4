import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { BackupsView, WorkResult } from "../../src/control/backups/views.ts";
import { asSuperuser } from "../support/database.ts";
import { instanceFolder, membersOf, signalHost } from "../support/members.ts";
import { processesUnder } from "../support/processes.ts";
import { type System, startSystem } from "../support/system.ts";
import { until } from "../support/until.ts";
import { expectKept } from "../support/verdict.ts";

type Restored = Extract<WorkResult, { kind: "restore" }>;

let system: System;
beforeAll(async () => {
  system = await startSystem({ rung: 4 });
});
afterAll(() => system[Symbol.asyncDispose]());

const write = (text: string) => asSuperuser(system.folder, `insert into known values ('${text}')`);
const list = async (): Promise<BackupsView> =>
  JSON.parse((await system.succeed("backup", "list", "--json")).stdout) as BackupsView;
const restore = async (to: string): Promise<Restored> =>
  JSON.parse((await system.succeed("restore", "--to", to, "--json")).stdout) as Restored;

/** What the restored database has of the known writes. */
async function known({ socket, port, database }: Restored): Promise<string[]> {
  const { postgres: password } = JSON.parse(
    readFileSync(join(system.folder, ".ninefold", "secrets", "database.json"), "utf8"),
  ) as { postgres: string };
  const client = new Client({ host: socket, port, database, user: "postgres", password });
  await client.connect();
  try {
    await expect(client.query("insert into known values ('never')")).rejects.toThrow("read-only transaction");
    return (await client.query<{ text: string }>("select text from known order by 1")).rows.map(({ text }) => text);
  } finally {
    await client.end();
  }
}

const get = async (path: string) => (await fetch(`${system.url}/api${path}`)).status;
const post = async (path: string, user: object) =>
  (await fetch(`${system.url}/api${path}`, { method: "POST", body: JSON.stringify({ user }) })).status;
const person = (username: string) => ({ username, email: `${username}@example.com`, password: "a password" });
const profiles = (username: string) => Promise.all(Array.from({ length: 40 }, () => get(`/profiles/${username}`)));

const pgbackrestRuns = () =>
  processesUnder(system.folder).filter(({ command }) => /pgbackrest .* backup( |$)/.test(command));

test("a backup from a standby under traffic fails nothing, and a restore to a time between two writes has exactly the first", async () => {
  await asSuperuser(system.folder, "create table known (text text)");
  await using traffic = await system.check({ users: 30, rate: 100 });
  expect((await system.succeed("backup")).stdout).toMatch(/\(full, from dc1\.db\.[23]\)/);
  const { earliest = 0 } = await list();
  while (Date.now() <= earliest) await delay(earliest - Date.now() + 1);
  await write("first");
  const between = Date.now() + 1;
  while (Date.now() <= between) await delay(1);
  await write("second");
  const restored = await restore(new Date(between).toISOString());
  expectKept(await traffic.finish({ after: 1_000 }));

  expect(await known(restored)).toEqual(["first"]);
  expect(restored.reachedAt).toBeLessThanOrEqual(between);
  expect(restored.tables).toContainEqual({ name: "public.known", rows: 1, rowsNow: 2 });
  expect(restored.pages).toBeGreaterThan(1_000);
  expect((await system.status()).backups).toMatchObject({ archiving: "on", restored: "dc1.restored" });
  await system.succeed("restore", "--drop");
  expect((await system.status()).instances.map(({ name }) => name)).not.toContain("dc1.restored");
});

test("what was restored serves with the migrations since, on standbys too, and going back loses nothing", async () => {
  const standbys = () => {
    const { clusters } = JSON.parse(readFileSync(join(system.folder, ".ninefold", "endpoints.json"), "utf8"));
    return clusters.main.standbys.length as number;
  };

  expect(await post("/users", person("early"))).toBe(201);
  const between = Date.now() + 1;
  while (Date.now() <= between) await delay(1);
  expect(await post("/users", person("late"))).toBe(201);
  writeFileSync(
    join(system.folder, "migrations", "9998_later.ts"),
    'export const up = (db) => db.schema.createTable("later").addColumn("id", "integer").execute();\n',
  );
  await system.succeed("deploy");
  await restore(new Date(between).toISOString());

  await using readers = asking(6, () => get("/tags"));
  let number = 0;
  await using writers = asking(2, () => post("/users", person(`writer${++number}`)));
  await system.succeed("restore", "--use", "--yes");
  expect(await post("/users/login", person("early"))).toBe(200);
  expect(await profiles("late")).toEqual(Array.from({ length: 40 }, () => 404));
  expect(await post("/users", person("new"))).toBe(201);
  await asSuperuser(system.folder, "select from later");
  expect(standbys()).toBe(2);
  expect(await system.ninefold("restore", "--use", "--yes")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("--back"),
  });

  // Killed in the middle, either database serves, and standbys are read from again.
  const control = await system.pid("dc1.control");
  const killed = system.ninefold("restore", "--back", "--yes");
  await until("reads go to the primary alone", async () => standbys() === 0, 60_000);
  process.kill(control, "SIGKILL");
  expect((await killed).code).not.toBe(0);
  await expect.poll(standbys, { timeout: 60_000 }).toBe(2);
  const [served, ...others] = new Set(await profiles("late"));
  expect(others).toEqual([]);

  if (served === 404) await system.succeed("restore", "--back", "--yes");
  expect(await profiles("late")).toEqual(Array.from({ length: 40 }, () => 200));
  expect(await post("/users/login", person("new"))).toBe(401);
  expect(await readers.finish()).toEqual([200]);
  expect(await writers.finish()).toEqual([201]);
  await system.succeed("restore", "--drop");
  expect(await system.ninefold("restore", "--back", "--yes")).toMatchObject({ code: 1 });
}, 420_000);

/** Asks again and again. `finish` ends it and gives each status that there was, 0 for a broken connection. */
function asking(clients: number, ask: () => Promise<number>) {
  let over = false;
  const seen = new Set<number>();
  const client = async () => {
    while (!over) seen.add(await ask().catch(() => 0));
  };
  const asked = Promise.all(Array.from({ length: clients }, client));
  const finish = async () => {
    over = true;
    await asked;
    return [...seen].sort();
  };
  return { finish, [Symbol.asyncDispose]: async () => void (await finish()) };
}

test("the primary's host dies while what was restored is put to use: one database serves, whole, and another try ends it", async () => {
  expect(await post("/users", person("before"))).toBe(201);
  const between = Date.now() + 1;
  while (Date.now() <= between) await delay(1);
  expect(await post("/users", person("after"))).toBe(201);
  await restore(new Date(between).toISOString());

  const members = membersOf(system.folder);
  const primary = await members.primary();
  await using readers = asking(4, () => get("/tags"));
  const broken = system.ninefold("restore", "--use", "--yes");
  const asideIsThere = "select 1 / count(*) from pg_database where datname = 'service_aside'";
  await until("it is being copied", async () => asSuperuser(system.folder, asideIsThere).then(() => true), 60_000);
  signalHost(system.folder, primary, "SIGKILL");
  expect(await broken).toMatchObject({ code: 1, stderr: expect.stringContaining("again") });
  await until("another leads", async () => (await members.primary()) !== primary, 60_000);

  const [served, ...others] = new Set(await profiles("after"));
  expect(others).toEqual([]);
  if (served === 200) await system.succeed("restore", "--use", "--yes");
  expect(await profiles("after")).toEqual(Array.from({ length: 40 }, () => 404));
  expect(await post("/users/login", person("before"))).toBe(200);
  await system.succeed("restore", "--back", "--yes");
  expect(await profiles("after")).toEqual(Array.from({ length: 40 }, () => 200));
  expect(await readers.finish()).toEqual([200]);
  await system.succeed("restore", "--drop");
}, 420_000);

test("a backup that is killed with the control plane leaves nothing behind, and the next one is whole", async () => {
  const control = await system.pid("dc1.control");
  const killed = system.ninefold("backup", "--type", "full");
  await until("pgBackRest is at work", async () => pgbackrestRuns().length > 0, 30_000);
  process.kill(control, "SIGKILL");
  expect(await killed).toMatchObject({ code: 1, stderr: expect.stringMatching(/ended with it.*\n.*again/) });
  await until("pgBackRest is gone", async () => pgbackrestRuns().length === 0, 10_000);
  await system.succeed("backup");
  const { backups, repository } = await list();
  expect(backups.map(({ type }) => type)).toEqual(["full", "incr"]);
  const labels = readdirSync(join(repository, "backup", "main-db")).filter((name) => /^\d/.test(name));
  expect(labels.sort()).toEqual(backups.map(({ label }) => label).sort());
  await system.succeed("backup", "verify");
});

test("what a primary had no time to archive before it died is archived by the one that takes its place", async () => {
  const members = membersOf(system.folder);
  const primary = await members.primary();
  // Its repository takes nothing any more.
  writeFileSync(join(instanceFolder(system.folder, primary), "pgbackrest.sh"), "exit 1\n");
  await write("only on standbys");
  await asSuperuser(system.folder, "select pg_switch_wal()");
  const archivingFails = async () => (await system.status()).problems.some(({ code }) => code === "archiving-fails");
  await expect.poll(archivingFails, { timeout: 60_000 }).toBe(true);
  signalHost(system.folder, primary, "SIGKILL");
  await expect
    .poll(async () => (await members.primary().catch(() => primary)) !== primary, { timeout: 60_000 })
    .toBe(true);
  await expect.poll(async () => (await list()).archiving, { timeout: 60_000 }).toBe("on");
  expect(await known(await restore("latest"))).toEqual(["first", "only on standbys", "second"]);
});

test("a file of the repository that was damaged is found, and what it belongs to is not restored", async () => {
  const { repository, backups } = await list();
  const label = backups[0]?.label ?? "";
  const base = join(repository, "backup", "main-db", label, "bundle");
  const file = join(base, readdirSync(base)[0] ?? "");
  const bytes = readFileSync(file);
  const middle = Math.floor(bytes.length / 2);
  bytes.fill(0, middle, middle + 64);
  writeFileSync(file, bytes);
  const verified = await system.ninefold("backup", "verify");
  expect(verified).toMatchObject({ code: 1, stderr: expect.stringMatching(/checksum invalid: [1-9]|other: [1-9]/) });
  const refused = await system.ninefold("restore", "--to", label);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("another backup") });
  expect((await system.status()).instances.map(({ name }) => name)).not.toContain("dc1.restored");
});
