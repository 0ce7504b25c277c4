import { existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { until } from "../../machine/local/testing.ts";
import { etcdEngine } from "../etcd/index.ts";
import { stopPatroni } from "./cluster.ts";
import { patroniEngine } from "./engine.ts";
import { type TestMember, testMember } from "./member.fixture.ts";

let member: TestMember;
let written = 0;

beforeAll(async () => {
  member = await testMember();
  await member.start();
  const owner = await member.connect("ninefold_owner");
  await owner.query("create table writes (n int primary key)");
  await owner.end();
}, 60_000);
afterAll(() => member[Symbol.asyncDispose]());
beforeEach(() => member.healthy("patroni"));

/** Writes one row as the service, and tells all that are there. */
async function write(): Promise<number[]> {
  const client = await member.connect("ninefold_service");
  try {
    await client.query("insert into writes values ($1)", [written]);
    written += 1;
    const { rows } = await client.query<{ n: number }>("select n from writes order by n");
    return rows.map(({ n }) => n);
  } finally {
    await client.end();
  }
}

const everything = () => Array.from({ length: written }, (_, n) => n);

/** Milliseconds until a write succeeds. */
async function untilWritable(withinMs: number): Promise<number> {
  const begun = performance.now();
  await until(
    "a write succeeds",
    () =>
      write().then(
        () => true,
        () => false,
      ),
    withinMs,
  );
  return performance.now() - begun;
}

test("a killed PostgreSQL is started again by Patroni, with all that was acknowledged", async () => {
  await write();
  const before = await member.pid("postgres");
  process.kill(before, "SIGKILL");
  await until("the killed server is gone", () => !existsSync(`/proc/${before}/exe`));
  await untilWritable(40_000);
  expect(await member.pid("postgres")).not.toBe(before);
  expect(await write()).toEqual(everything());
});

test("a killed Patroni leaves PostgreSQL serving, and the next one takes it over", async () => {
  const [patroni, postgres] = [await member.pid("patroni"), await member.pid("postgres")];
  const client = await member.connect("ninefold_service");
  process.kill(patroni, "SIGKILL");
  await until("a new Patroni runs", async () => ![0, patroni].includes(await member.pid("patroni")));
  for (const end = Date.now() + 2_000; Date.now() < end; await delay(50)) await client.query("select 1");
  await member.healthy("patroni");
  await client.query("select 1");
  expect(await member.pid("postgres")).toBe(postgres);
  expect(await write()).toEqual(everything());
});

test("all killed at once, with a session at work: back without waiting for the old leader's key to run out", async () => {
  const client = await member.connect();
  // This backend notices the end of its server only when its work is done, and holds the server's memory until then.
  const busy = client.query("select count(*) from generate_series(1, 100000000) a, generate_series(1, 1000) b");
  busy.catch(() => undefined);
  await delay(300);
  for (const which of ["etcd", "patroni", "postgres"] as const) process.kill(await member.pid(which), "SIGKILL");
  // Patroni's ttl is 20 seconds.
  expect(await untilWritable(40_000)).toBeLessThan(18_000);
  expect(await write()).toEqual(everything());
});

test("a killed etcd is no reason to stop PostgreSQL", async () => {
  const postgres = await member.pid("postgres");
  process.kill(await member.pid("etcd"), "SIGKILL");
  for (const end = Date.now() + 4_000; Date.now() < end; await delay(20)) await write();
  await member.healthy("etcd");
  await member.healthy("patroni");
  expect(await member.pid("postgres")).toBe(postgres);
  expect(await write()).toEqual(everything());
});

test("PostgreSQL takes writes for as long as etcd is away", async () => {
  const { machine } = member.system;
  const postgres = await member.pid("postgres");
  await machine.stop(member.etcd.name);
  // Longer than Patroni's ttl and than any of its retries.
  for (const end = Date.now() + 25_000; Date.now() < end; await delay(100)) await write();
  await machine.start(member.etcd.name, etcdEngine.command(member.etcd));
  await member.healthy("patroni");
  expect(await member.pid("postgres")).toBe(postgres);
  expect(await write()).toEqual(everything());
}, 60_000);

test("a stop ends PostgreSQL as well, and a start soon after finds the leader's key free", async () => {
  const postgres = await member.pid("postgres");
  const { machine } = member.system;
  await machine.stop(member.patroni.name);
  expect(existsSync(`/proc/${postgres}/exe`)).toBe(false);
  await machine.start(member.patroni.name, patroniEngine.command(member.patroni));
  expect(await untilWritable(40_000)).toBeLessThan(18_000);
  expect(await write()).toEqual(everything());
});

test("a stop ends a PostgreSQL that a killed Patroni left behind", async () => {
  const { machine } = member.system;
  const postgres = await member.pid("postgres");
  process.kill(await member.pid("patroni"), "SIGKILL");
  await stopPatroni(machine, member.patroni);
  await until("PostgreSQL is gone", () => !existsSync(`/proc/${postgres}/exe`), 1_000);
  await stopPatroni(machine, member.patroni); // safe to run again
  await machine.start(member.patroni.name, patroniEngine.command(member.patroni));
  await untilWritable(40_000);
  expect(await write()).toEqual(everything());
});
