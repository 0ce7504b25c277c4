import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { until } from "../../machine/local/testing.ts";
import type { Placed } from "../engine.ts";
import { type TestCluster, testCluster } from "./cluster.fixture.ts";
import { patroniEngine } from "./engine.ts";
import { LEDGER, type Ledger, startLedger } from "./ledger.fixture.ts";
import { reinitialize } from "./rebuild.ts";
import type { PatroniSpec } from "./spec.ts";
import { switchover } from "./switchover.ts";
import { killAll, signalAll } from "./testing-processes.ts";

let cluster: TestCluster;
let members: readonly Placed<PatroniSpec>[];
beforeAll(async () => {
  cluster = await testCluster({ etcds: 1, members: 3 }, { durable: false });
  members = await cluster.start({ synchronous: true, nodes: 2, strict: true });
  const owner = await cluster.connect(await cluster.leader(), "ninefold_owner");
  await owner.query(LEDGER);
  await owner.query("create table ghosts (n int)");
}, 90_000);
afterAll(() => cluster[Symbol.asyncDispose]());
// Longer than all that is waited for, so that it is told what did not come.
beforeEach(whole, 210_000);

/** All members are well, and both standbys synchronous. */
async function whole(): Promise<void> {
  for (const member of members) await cluster.healthy(member);
  await until("both standbys are synchronous", async () => {
    const view = await cluster.view();
    return view.filter(({ role }) => role === "synchronous").length === 2;
  });
}

/** What was acknowledged is on all members. */
async function nothingLost({ acknowledged }: Ledger): Promise<void> {
  expect(acknowledged.length).toBeGreaterThan(0);
  for (const member of members) {
    const client = await cluster.connect(member, "ninefold_service");
    const missing = async () => {
      const { rows } = await client.query<{ n: number }>("select n from ledger");
      const there = new Set(rows.map(({ n }) => n));
      return acknowledged.filter((n) => !there.has(n));
    };
    await until(`${member.name} has all that was acknowledged`, async () => (await missing()).length === 0, 5_000);
    await client.end();
  }
}

test("a killed PostgreSQL of the primary costs a moment and no acknowledged write, and it comes back as a standby", async () => {
  const before = await cluster.leader();
  const ledger = await startLedger(members);
  await ledger.writes(5_000);
  process.kill(cluster.postmaster(before), "SIGKILL");
  await ledger.writes(7_500);
  await whole();
  expect(await ledger.stop()).toBeLessThan(7_500);
  expect((await cluster.leader()).name).not.toBe(before.name);
  await nothingLost(ledger);
}, 90_000);

test("a killed host of the primary costs no acknowledged write, and it comes back without what no other had", async () => {
  const before = await cluster.leader();
  const ledger = await startLedger(members);
  await ledger.writes(5_000);
  const [ghost, admin] = [await cluster.connect(before, "ninefold_service"), await cluster.connect(before)];
  const { pid } = (await ghost.query("select pg_backend_pid() as pid")).rows[0];
  const { rows: senders } = await admin.query("select pid from pg_stat_replication");
  for (const sender of senders) process.kill(sender.pid, "SIGSTOP");
  ghost.query("insert into ghosts values (1)").catch(() => undefined); // waits for standbys that never hear of it
  await until("the row is on disk", async () => {
    const { rows } = await admin.query("select wait_event from pg_stat_activity where pid = $1", [pid]);
    return rows[0].wait_event === "SyncRep";
  });
  await killAll(before.folder);
  // The agent starts it again at once; here it stays dead.
  const dead = setInterval(() => signalAll(before.folder, "SIGKILL"), 10);
  await ledger.writes(21_000).finally(() => clearInterval(dead));
  await whole();
  expect(await ledger.stop()).toBeLessThan(21_000);
  await nothingLost(ledger);
  const back = await cluster.connect(before, "ninefold_service");
  expect((await back.query("select from ghosts")).rowCount).toBe(0);
}, 90_000);

test("a switchover loses nothing, and goes where it is told", async () => {
  const before = await cluster.leader();
  const to = members.find(({ name }) => name !== before.name) as Placed<PatroniSpec>;
  const ledger = await startLedger(members);
  await ledger.writes(5_000);
  expect(await switchover(members, to.name)).toBe(to.name);
  await ledger.writes(5_000);
  expect(await switchover(members, to.name)).toBe(to.name);
  expect(await ledger.stop()).toBeLessThan(4_500);
  await whole();
  await nothingLost(ledger);
}, 90_000);

test("a standby whose data folder is gone makes it again by itself", async () => {
  const standby = (await standbys())[0] as Placed<PatroniSpec>;
  rmSync(join(standby.folder, "data"), { recursive: true, maxRetries: 5 });
  await until("there is a new one", () => existsSync(join(standby.folder, "data/PG_VERSION")), 40_000);
  await whole();
}, 90_000);

test("a standby whose data is damaged is made again when told", async () => {
  const standby = (await standbys())[0] as Placed<PatroniSpec>;
  writeFileSync(join(standby.folder, "data/global/pg_control"), "damaged");
  process.kill(cluster.postmaster(standby), "SIGKILL");
  await until("it is unwell", async () => !(await patroniEngine.health(standby)).healthy);
  await reinitialize(members, standby.name);
  await cluster.healthy(standby);
  await expect(reinitialize(members, (await cluster.leader()).name)).rejects.toThrow("it leads the cluster");
}, 90_000);

test("strict: a new primary acknowledges nothing before a standby streams", async () => {
  const before = await cluster.leader();
  const [next, away] = (await standbys()) as [Placed<PatroniSpec>, Placed<PatroniSpec>];
  const { machine } = cluster.system;
  await machine.stop(away.name);
  await until("commits wait for the other alone", async () => {
    const client = await cluster.connect(before);
    const { rows } = await client.query("show synchronous_standby_names");
    await client.end();
    return rows[0].synchronous_standby_names === `"${next.name}"`;
  });
  const dead = setInterval(() => signalAll(before.folder, "SIGKILL"), 10);
  try {
    await until("the other leads", async () => (await patroniEngine.health(next)).healthy && leads(next), 40_000);
    const client = await cluster.connect(next, "ninefold_service");
    let acknowledged = false;
    const write = client.query("insert into ghosts values (2)").then(() => {
      acknowledged = true;
    });
    // Patroni looks at who streams once a second.
    for (const end = Date.now() + 3_000; Date.now() < end; await delay(50)) expect(acknowledged).toBe(false);
    await machine.start(away.name, patroniEngine.command(away));
    await write;
  } finally {
    clearInterval(dead);
  }
}, 120_000);

const standbys = async () => {
  const { name } = await cluster.leader();
  return members.filter((member) => member.name !== name);
};

const leads = async ({ name }: Placed<PatroniSpec>) => (await cluster.leader()).name === name;
