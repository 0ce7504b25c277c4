import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { processesIn } from "../../src/engines/patroni/testing-processes.ts";
import { addressOf, onMember } from "../support/database.ts";
import { type UnderFault, underFault } from "../support/fault.ts";
import { LONG, NOT_LONG } from "../support/long.ts";
import { instanceFolder, type Members, membersOf, postmaster, signalHost } from "../support/members.ts";
import { CANNOT_CUT, canCutNetwork, cutNetwork } from "../support/network.ts";
import { type System, startSystem } from "../support/system.ts";
import { until } from "../support/until.ts";

let system: System;
let members: Members;

beforeAll(async () => {
  system = await startSystem({ rung: 4 });
  members = membersOf(system.folder);
}, 180_000);
afterAll(() => system?.[Symbol.asyncDispose]());
beforeEach(() => until("all members are well", members.whole, 60_000), 70_000);

const titleOf = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, "utf8");
const under = (fault: () => Promise<void>, options: UnderFault) => underFault(system, members, fault, options);
/** A member other than the one given leads. */
const another = (than: string) => async () => (await members.primary().catch(() => than)) !== than;

test("SIGKILL of the primary's PostgreSQL: a standby takes over, nothing fails, nothing is lost", async () => {
  const before = await members.primary();
  await under(
    async () => {
      process.kill(postmaster(system.folder, before), "SIGKILL");
      await until("another primary", another(before), 20_000);
    },
    { reads: "all", writes: "all" },
  );
}, 150_000);

test("SIGKILL of the primary's whole host while the control plane hangs: the same", async () => {
  const before = await members.primary();
  const control = await system.pid("dc1.control");
  await under(
    async () => {
      process.kill(control, "SIGSTOP");
      try {
        signalHost(system.folder, before, "SIGKILL");
        // Its agent starts it again while it still has the lead, which it must not keep until it has recovered.
        await until("another primary", another(before), 20_000);
        await until("all members are well", members.whole, 60_000);
      } finally {
        process.kill(control, "SIGCONT");
      }
    },
    { reads: "all", writes: "all" },
  );
}, 150_000);

test("SIGKILL of Patroni on the primary leaves everything working", async () => {
  const before = await members.primary();
  await under(
    async () => {
      const pid = await system.pid(before);
      process.kill(pid, "SIGKILL");
      await until("another Patroni", async () => (await system.pid(before)) !== pid, 30_000);
    },
    { reads: "all" },
  );
}, 150_000);

test("SIGKILL of a synchronous standby's host: reads go elsewhere, commits wait until it is left out", async () => {
  const [standby = ""] = await members.standbys();
  await under(async () => signalHost(system.folder, standby, "SIGKILL"), { reads: "all" });
}, 150_000);

test("SIGKILL of one member of etcd is not noticed", async () => {
  await under(
    async () => {
      const pid = await system.pid("dc1.etcd.2");
      process.kill(pid, "SIGKILL");
      await until("it is back", async () => (await system.pid("dc1.etcd.2")) !== pid, 30_000);
    },
    { reads: "all" },
  );
}, 150_000);

test("with two members of etcd gone writes stop safely and reads go on; all recovers when they return", async () => {
  const stopped = await Promise.all(["dc1.etcd.2", "dc1.etcd.3"].map((name) => system.pid(name)));
  await under(
    async () => {
      for (const pid of stopped) process.kill(pid, "SIGSTOP");
      await delay(10_000); // longer than the leader's key lives
      for (const pid of stopped) process.kill(pid, "SIGCONT");
    },
    { reads: "all" },
  );
}, 150_000);

test("a primary that stands still for longer than its lead, and goes on: no split brain", async () => {
  const before = await members.primary();
  await under(
    async () => {
      signalHost(system.folder, before, "SIGSTOP");
      try {
        await until("another primary", another(before), 30_000);
        await delay(5_000); // writes go on there while the old one still believes that it leads
      } finally {
        signalHost(system.folder, before, "SIGCONT");
      }
    },
    { reads: "some" },
  );
}, 150_000);

test("a primary that the network cuts off from everybody: another leads, and once it is back nothing is lost and nobody split", async ({
  skip,
}) => {
  skip(!LONG, NOT_LONG);
  skip(!canCutNetwork(), CANNOT_CUT);
  const before = await members.primary();
  const cut = () => cutNetwork(instanceFolder(system.folder, before), addressOf(system.folder, before));
  await under(
    async () => {
      using _cut = cut();
      await until("another primary", another(before), 40_000);
      await delay(5_000); // writes go on there
    },
    { reads: "some" },
  );
}, 150_000);

test("a standby whose replay is paused is left out, and comes back by itself", async () => {
  const [standby = ""] = await members.standbys();
  await under(
    async () => {
      await onMember(system.folder, standby, "select pg_wal_replay_pause()");
      await delay(5_000); // it falls behind
      await onMember(system.folder, standby, "select pg_wal_replay_resume()");
    },
    { reads: "all" },
  );
}, 150_000);

/** The primary goes on while nothing of it reaches the standbys any more; then its whole host dies. */
async function dieUnheard(before: string): Promise<void> {
  const host = instanceFolder(system.folder, before);
  const senders = processesIn(host).filter((pid) => / walsender /.test(titleOf(pid)));
  expect(senders).toHaveLength(2);
  for (const pid of senders) process.kill(pid, "SIGSTOP");
  await delay(1_000); // in which it acknowledges what it can
  signalHost(system.folder, before, "SIGKILL");
  await until("another primary", another(before), 20_000);
}

test("a primary whose host dies unheard by its standbys has acknowledged nothing that they lack", async () => {
  const before = await members.primary();
  await under(() => dieUnheard(before), { reads: "all" });
}, 150_000);

test("where commits wait for no standby such a death loses writes, and the check sees it", async () => {
  const before = await members.primary();
  await using traffic = await system.check({ allowFailures: true });
  await traffic.report();
  await onMember(system.folder, before, "alter system set synchronous_commit = local", "select pg_reload_conf()");
  await dieUnheard(before);
  const report = await traffic.finish({ after: 2_000 });
  expect(report.lost).toBeGreaterThan(0);
}, 150_000);
