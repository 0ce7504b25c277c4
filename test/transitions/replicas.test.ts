import { expect, test } from "vitest";
import { contractClient } from "../support/contract-client.ts";
import { LONG, NOT_LONG } from "../support/long.ts";
import { signalHost } from "../support/members.ts";
import { type System, startSystem } from "../support/system.ts";
import { expectKept } from "../support/verdict.ts";

/** The database's members by the role they have. */
async function roles(system: System): Promise<Record<string, string[]>> {
  const { instances } = await system.status();
  const members = instances.filter(({ role }) => role === "db");
  const of = (role: string) => members.filter(({ details }) => details?.role === role).map(({ name }) => name);
  return { primary: of("primary"), synchronous: of("synchronous"), standby: of("standby") };
}

async function etcdMembers(system: System): Promise<string[]> {
  return (await system.status()).instances.filter(({ role }) => role === "etcd").map(({ name }) => name);
}

async function underTraffic(system: System, ...changes: readonly (readonly string[])[]) {
  await using traffic = await system.check({ users: 30, rate: 100 });
  using client = contractClient(`${system.url}/api`);
  for (const change of changes) await system.succeed(...change);
  await client.finish();
  const report = await traffic.finish({ after: 2_000 });
  expectKept(report);
  return report;
}

test("from rung 3 to 4 and back, with another primary meanwhile, under traffic: nothing fails, nothing is lost, repeated or stale", async () => {
  await using system = await startSystem({ rung: 3 });

  await underTraffic(system, ["climb"]);
  const two = { primary: ["dc1.db.1"], synchronous: ["dc1.db.2", "dc1.db.3"], standby: [] };
  await expect.poll(() => roles(system), { timeout: 10_000 }).toEqual(two);
  expect(await etcdMembers(system)).toHaveLength(3);
  expect(await system.status()).toMatchObject({ rung: 4, problems: [] });

  // Any member may be the primary; the one that is leaves last.
  await underTraffic(system, ["switchover", "dc1.db.3"], ["scale", "replicas=1"]);
  const [leader] = (await roles(system)).primary ?? [];
  expect(["dc1.db.1", "dc1.db.2"]).toContain(leader);

  await underTraffic(system, ["switchover"], ["descend"]);
  expect(await roles(system)).toEqual({ primary: ["dc1.db.1"], synchronous: [], standby: [] });
  expect(await etcdMembers(system)).toEqual(["dc1.etcd.1"]);
  expect(await system.status()).toMatchObject({ rung: 3, problems: [] });
}, 400_000);

test("from no standby to four and back to none, with one of them dead, under traffic: nothing fails, nothing is lost, repeated or stale", async ({
  skip,
}) => {
  skip(!LONG, NOT_LONG);
  await using system = await startSystem({ rung: 3 });
  const four = ["dc1.db.2", "dc1.db.3", "dc1.db.4", "dc1.db.5"];

  await underTraffic(system, ["scale", "replicas=4"]);
  const all = { primary: ["dc1.db.1"], synchronous: four, standby: [] };
  await expect.poll(() => roles(system), { timeout: 20_000 }).toEqual(all);
  expect(await system.status()).toMatchObject({ problems: [] });

  signalHost(system.folder, "dc1.db.5", "SIGSTOP");
  await expect.poll(async () => (await roles(system)).synchronous, { timeout: 30_000 }).toEqual(four.slice(0, 3));
  await underTraffic(system, ["scale", "replicas=3"]);
  expect(await roles(system)).toEqual({ primary: ["dc1.db.1"], synchronous: four.slice(0, 3), standby: [] });

  await underTraffic(system, ["scale", "replicas=0"]);
  expect(await roles(system)).toEqual({ primary: ["dc1.db.1"], synchronous: [], standby: [] });
  expect(await system.status()).toMatchObject({ rung: 3, problems: [] });
}, 600_000);

test("a switchover without standbys, and standbys held behind where there are none, are refused with what can be done", async () => {
  await using system = await startSystem();
  const refused = await system.ninefold("switchover");
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(/no standby.*\n.*climb --to 4/);
  const held = await system.ninefold("climb", "--to", "2", "--lag", "2s");
  expect(held.stderr).toMatch(/held behind.*\n.*replicas/);
});
