import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { until } from "../../machine/local/testing.ts";
import type { Placed } from "../engine.ts";
import { type TestCluster, testCluster } from "./cluster.fixture.ts";
import { LEDGER, type Ledger, startLedger } from "./ledger.fixture.ts";
import type { PatroniSpec } from "./spec.ts";
import { switchover } from "./switchover.ts";
import { signalAll } from "./testing-processes.ts";

let cluster: TestCluster;
let members: readonly Placed<PatroniSpec>[];
beforeAll(async () => {
  cluster = await testCluster({ etcds: 1, members: 3 }, { durable: false });
  members = await cluster.start({ synchronous: true, nodes: 2, strict: true });
  const owner = await cluster.connect(await cluster.leader(), "ninefold_owner");
  await owner.query(LEDGER);
}, 90_000);
afterAll(() => cluster[Symbol.asyncDispose]());
beforeEach(whole, 60_000);

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
  console.log("postgres killed:", await ledger.stop());
  expect((await cluster.leader()).name).not.toBe(before.name);
  await nothingLost(ledger);
}, 90_000);

test("a killed host of the primary costs less than its key's life and no acknowledged write", async () => {
  const before = await cluster.leader();
  const ledger = await startLedger(members);
  await ledger.writes(5_000);
  // The agent starts it again at once; here it stays dead.
  const dead = setInterval(() => signalAll(before.folder, "SIGKILL"), 10);
  await ledger.writes(21_000).finally(() => clearInterval(dead));
  await whole();
  console.log("host killed:", await ledger.stop());
  await nothingLost(ledger);
}, 90_000);

test("a switchover loses nothing, and goes where it is told", async () => {
  const before = await cluster.leader();
  const to = members.find(({ name }) => name !== before.name) as Placed<PatroniSpec>;
  const ledger = await startLedger(members);
  await ledger.writes(5_000);
  expect(await switchover(members, to.name)).toBe(to.name);
  await ledger.writes(5_000);
  expect(await switchover(members, to.name)).toBe(to.name);
  console.log("switchover:", await ledger.stop());
  await whole();
  await nothingLost(ledger);
}, 90_000);
