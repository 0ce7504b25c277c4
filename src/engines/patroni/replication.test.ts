import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../../machine/local/testing.ts";
import type { Placed } from "../engine.ts";
import { etcdCall, signIn } from "../etcd/client.ts";
import {
  addEtcdMember,
  type EtcdSpec,
  etcdEngine,
  etcdPasswords,
  prepareEtcd,
  removeEtcdMember,
} from "../etcd/index.ts";
import { clientUrl, etcdCluster, peerUrl } from "../etcd/members.ts";
import { type TestCluster, testCluster } from "./cluster.fixture.ts";
import { preparePatroniDatabase } from "./cluster.ts";
import { patroniEngine } from "./engine.ts";
import { LEDGER, type Ledger, startLedger } from "./ledger.fixture.ts";
import { removeMember } from "./remove.ts";
import { changeReplication } from "./replication.ts";
import { ALONE } from "./settings.ts";
import type { PatroniSpec, Replication } from "./spec.ts";
import { switchover } from "./switchover.ts";

/** A deployment of rung 3 grows to rung 4 and back, while it takes writes: each test goes on where the one before ended. */
let cluster: TestCluster;
let etcds: readonly Placed<EtcdSpec>[];
let ledger: Ledger;

beforeAll(async () => {
  // A Patroni that is killed finds its leader's key again, also on a machine that is busy with other things.
  cluster = await testCluster({ etcds: 3, members: 3 }, { ttlSeconds: 30 });
  etcds = cluster.etcds.map((one, index) => ({
    ...one,
    spec: {
      ...one.spec,
      members: [{ name: one.name, address: one.spec.address, peerPort: one.spec.peerPort }],
      ...(index === 0 ? {} : { joins: true as const }),
    },
  }));
  const { machine } = cluster.system;
  const [first, founder] = [etcd(1), member(1)];
  await machine.write(first.name, etcdEngine.render(first), "engine");
  await machine.start(first.name, etcdEngine.command(first));
  await until("etcd is healthy", async () => (await etcdEngine.health(first)).healthy);
  await prepareEtcd(first);
  await cluster.startMembers(founder);
  await preparePatroniDatabase(founder);
  const owner = await cluster.connect(founder, "ninefold_owner");
  await owner.query(LEDGER);
  ledger = await startLedger(cluster.members);
  await ledger.writes(5_000);
}, 90_000);
afterAll(async () => {
  await ledger?.stop();
  await cluster[Symbol.asyncDispose]();
});

const etcd = (n: number) => etcds[n - 1] as Placed<EtcdSpec>;
const member = (n: number) => cluster.members[n - 1] as Placed<PatroniSpec>;

async function setting(name: string, n = 1): Promise<string> {
  const client = await cluster.connect(member(n));
  const { rows } = await client.query("select current_setting($1) as value", [name]);
  await client.end();
  return rows[0].value;
}

const names = (n?: number) => setting("synchronous_standby_names", n);

async function slots(n = 1): Promise<string[]> {
  const client = await cluster.connect(member(n));
  const { rows } = await client.query("select slot_name from pg_replication_slots order by 1");
  await client.end();
  return rows.map((row) => row.slot_name);
}

/** Names of the keys of members that Patroni has in etcd. */
async function keys(): Promise<string[]> {
  const [{ spec }] = etcds as [Placed<EtcdSpec>];
  const url = clientUrl(etcd(1));
  const signed = await signIn(url, "patroni", (await etcdPasswords(spec.secrets)).patroni);
  if ("refused" in signed) throw new Error(signed.refused);
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const range = {
    key: base64("/ninefold/main/members/"),
    range_end: base64("/ninefold/main/members0"),
    keys_only: true,
  };
  const { body } = (await etcdCall(url, "kv/range", range, { token: signed.token })) as { body: unknown };
  const { kvs = [] } = body as { kvs?: { key: string }[] };
  return kvs.map(({ key }) => Buffer.from(key, "base64").toString().split("/").at(-1) as string);
}

const change = (count: number, next: Replication) =>
  changeReplication(cluster.system.machine, cluster.members.slice(0, count), next);

test("etcd grows from one member to three with passwords on, also where a try was cut short", async () => {
  const { machine } = cluster.system;
  await addEtcdMember(machine, [etcd(1)], etcd(2));
  await addEtcdMember(machine, [etcd(1), etcd(2)], etcd(2)); // safe to run again
  // A try that was cut short when the cluster knew of it and it had not started.
  const known = await etcdCluster([etcd(1)]);
  await until("the cluster takes another", async () => {
    const body = { peerURLs: [peerUrl(etcd(3))], isLearner: true };
    return (await known.ask("cluster/member/add", body, "etcdserver: unhealthy cluster")) === undefined;
  });
  await addEtcdMember(machine, [etcd(1), etcd(2)], etcd(3));
  for (const one of etcds) expect(await etcdEngine.health(one)).toMatchObject({ healthy: true });
  expect((await known.members()).map(({ name, learner }) => `${name} ${learner}`).sort()).toEqual([
    "dc1.etcd.1 false",
    "dc1.etcd.2 false",
    "dc1.etcd.3 false",
  ]);
  // The files are those of any start, and any one may be away.
  for (const one of etcds)
    expect(readFileSync(join(one.folder, "etcd.yml"), "utf8")).toBe(etcdEngine.render(one).get("etcd.yml"));
  await machine.stop(etcd(1).name);
  expect(await etcdEngine.health(etcd(3))).toMatchObject({ healthy: true });
  await machine.start(etcd(1).name, etcdEngine.command(etcd(1)));
  await until("it is back", async () => (await etcdEngine.health(etcd(1))).healthy);
}, 90_000);

test("standbys come as copies that may not lead, until commits wait for them", async () => {
  await cluster.startMembers(member(2), member(3));
  // The first one may have led anew meanwhile: it has lost a member of etcd in the test above.
  const { timeline } = (await cluster.view())[0] ?? {};
  expect(await patroniEngine.health(member(2))).toMatchObject({ details: { role: "replica", timeline } });
  expect((await cluster.view()).map(({ mayLead }) => mayLead)).toEqual([true, false, false]);
  await change(3, { synchronous: true, nodes: 2, strict: true });
  expect((await cluster.view()).map(({ role, mayLead }) => `${role} ${mayLead}`)).toEqual([
    "primary true",
    "synchronous true",
    "synchronous true",
  ]);
  expect(await names()).toMatch(/^2 \("dc1.db.[23]","dc1.db.[23]"\)$/);
  expect(await setting("commit_delay")).toBe("100");
  await change(3, { synchronous: true, nodes: 2, strict: true });
  await ledger.writes(5_000);
}, 90_000);

test("a killed Patroni of the primary leaves commits waiting for the same standbys, whatever it thinks at its start", async () => {
  const before = await names();
  const { machine } = cluster.system;
  const log = () => readFileSync(join(member(1).folder, "log"), "utf8");
  const from = log().length;
  const seen = new Set<string>();
  const { pid } = (await machine.list()).find(({ name }) => name === member(1).name) ?? {};
  process.kill(pid as number, "SIGKILL"); // its parent, with which it dies
  await until("the next Patroni has looked at it three times", async () => {
    seen.add(await names());
    return log().slice(from).split("the leader with the lock").length > 3;
  });
  expect([...seen]).toEqual([before]);
}, 60_000);

test("a standby that is away keeps its slot, longer than its key lives", async () => {
  const { machine } = cluster.system;
  await machine.stop(member(3).name);
  await ledger.writes(10_000); // nobody waits for it
  await until("its key ran out", async () => !(await keys()).includes(member(3).name), 60_000);
  await ledger.writes(5_000);
  expect(await slots()).toEqual(["dc1_db_2", "dc1_db_3"]);
  await machine.start(member(3).name, patroniEngine.command(member(3)));
  await cluster.healthy(member(3));
}, 120_000);

test("a member that is removed leaves no slot and no key, and no commit waits for it", async () => {
  const { machine } = cluster.system;
  await change(3, { synchronous: true, nodes: 1, strict: false });
  await removeMember(machine, cluster.members, member(3).name);
  expect(await keys()).toEqual(["dc1.db.1", "dc1.db.2"]);
  expect(await slots()).toEqual(["dc1_db_2"]);
  await until("the other is waited for", async () => (await names()) === '"dc1.db.2"');
  await removeMember(machine, cluster.members, member(3).name); // safe to run again
  await expect(removeMember(machine, cluster.members, member(1).name)).rejects.toThrow("switch over to another first");
}, 90_000);

test("synchronous mode can be turned off and on", async () => {
  await change(2, { synchronous: false, nodes: 1, strict: false });
  expect(await names()).toBe("");
  await change(2, { synchronous: true, nodes: 1, strict: false });
  expect(await names()).toBe('"dc1.db.2"');
}, 90_000);

test("back to one member, led by the first, and one etcd", async () => {
  const { machine } = cluster.system;
  await switchover(cluster.members, member(2).name);
  await expect(change(2, ALONE)).rejects.toThrow("must be led by its first member");
  await until("the first follows", async () => (await cluster.view()).some(({ role }) => role === "synchronous"));
  await switchover(cluster.members, member(1).name);
  await change(2, ALONE);
  expect((await cluster.view()).map(({ mayLead }) => mayLead)).toEqual([true, false]);
  await removeMember(machine, cluster.members.slice(0, 2), member(2).name);
  expect(await slots()).toEqual([]);
  expect(await names()).toBe("");
  expect(await setting("commit_delay")).toBe("0");
  await removeEtcdMember(machine, etcds, etcd(3).name);
  await removeEtcdMember(machine, etcds.slice(0, 2), etcd(2).name);
  await removeEtcdMember(machine, etcds.slice(0, 2), etcd(2).name); // safe to run again
  expect(await etcdEngine.health(etcd(1))).toMatchObject({ healthy: true });
  await ledger.writes(10_000);
  await cluster.healthy(member(1));
  expect((await cluster.view()).map(({ name, role }) => `${name} ${role}`)).toEqual(["dc1.db.1 primary"]);
}, 120_000);

test("through all of it, no acknowledged write was lost", async () => {
  await ledger.stop();
  const client = await cluster.connect(member(1), "ninefold_service");
  const { rows } = await client.query<{ n: number }>("select n from ledger");
  const there = new Set(rows.map(({ n }) => n));
  expect(ledger.acknowledged.filter((n) => !there.has(n))).toEqual([]);
  expect(ledger.acknowledged.length).toBeGreaterThan(100);
});
