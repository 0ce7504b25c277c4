import { once } from "node:events";
import { existsSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { freePort } from "../../machine/free-port.ts";
import { type TestMachine, testMachine, until } from "../../machine/local/testing.ts";
import { InstanceName } from "../../topology/names.ts";
import type { Placed } from "../engine.ts";
import { systemPostgres } from "../packages.ts";
import { etcdCall, REFUSAL, signIn } from "./client.ts";
import { EtcdFailed, type EtcdSpec, etcdEngine, etcdPasswords, PATRONI_PREFIX, prepareEtcd } from "./index.ts";

let system: TestMachine;
let etcd: Placed<EtcdSpec>;
let url: string;

beforeEach(async () => {
  system = await testMachine();
  const name = InstanceName.parse("dc1.etcd.1");
  const address = "127.77.0.2";
  const [clientPort, peerPort] = [await freePort(address), await freePort(address)];
  const spec: EtcdSpec = {
    program: systemPostgres().etcd,
    address,
    clientPort,
    peerPort,
    members: [{ name, address, peerPort }],
    token: "test",
    secrets: `${system.folder}/secrets/etcd.json`,
  };
  etcd = { name, spec, folder: system.machine.folder(name), sockets: system.machine.sockets(name) };
  url = `http://${address}:${clientPort}`;
  await system.machine.write(name, etcdEngine.render(etcd), "engine");
  await system.machine.start(name, etcdEngine.command(etcd));
  await healthy();
});
afterEach(() => system[Symbol.asyncDispose]());

async function healthy(): Promise<number> {
  const begun = performance.now();
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; await delay(10)) {
    if ((await etcdEngine.health(etcd)).healthy) return performance.now() - begun;
  }
  throw new Error(`etcd did not become healthy: ${JSON.stringify(await etcdEngine.health(etcd))}`);
}

async function patroniToken(): Promise<string> {
  const answer = await signIn(url, "patroni", (await etcdPasswords(etcd.spec.secrets)).patroni);
  if ("refused" in answer) throw new Error(answer.refused);
  return answer.token;
}

const base64 = (text: string) => Buffer.from(text).toString("base64");
const put = (key: string, token?: string) => etcdCall(url, "kv/put", { key: base64(key), value: "" }, { token });

test("preparing turns passwords on, and is safe to run again", async () => {
  await put("/anybody"); // before, all may write
  await prepareEtcd(etcd);
  await prepareEtcd(etcd);
  await expect(put(`${PATRONI_PREFIX}key`)).rejects.toThrow(EtcdFailed);
  const token = await patroniToken();
  await put(`${PATRONI_PREFIX}key`, token);
  await expect(put("/ninefold0", token)).rejects.toThrow("permission denied"); // the first key past the prefix
  await expect(put("/anybody", token)).rejects.toThrow("permission denied");
});

test("a preparing that was cut short is finished by the next one, whatever it left", async () => {
  const ask = (method: string, body: Record<string, unknown>) => etcdCall(url, method, body);
  await ask("auth/user/add", { name: "root", password: "of another try" });
  await ask("auth/role/add", { name: "root" });
  await ask("auth/user/add", { name: "patroni", password: "of another try" });
  await prepareEtcd(etcd);
  await put(`${PATRONI_PREFIX}key`, await patroniToken());
});

test("passwords that were lost are told, and the new ones do not get in", async () => {
  await prepareEtcd(etcd);
  rmSync(etcd.spec.secrets);
  await expect(prepareEtcd(etcd)).rejects.toThrow("another password of root");
});

test("killed, it is back with what it had, passwords on", async () => {
  await prepareEtcd(etcd);
  await put(`${PATRONI_PREFIX}kept`, await patroniToken());
  const pid = (await system.machine.list())[0]?.pid ?? 0;
  process.kill(pid, "SIGKILL");
  while (existsSync(`/proc/${pid}/exe`)) await delay(5);
  expect(await healthy()).toBeLessThan(8_000);
  const token = await patroniToken();
  const { body } = (await etcdCall(url, "kv/range", { key: base64(`${PATRONI_PREFIX}kept`) }, { token })) as {
    body: unknown;
  };
  expect(body).toMatchObject({ count: "1" });
  expect(await signIn(url, "root", "wrong")).toEqual({ refused: REFUSAL.badPassword });
});

test("health tells what the member says of itself, and that nobody is there", async () => {
  expect(await etcdEngine.health(etcd)).toMatchObject({
    healthy: true,
    details: { version: expect.stringMatching(/^3\./), term: expect.any(Number) },
  });
  await system.machine.stop(etcd.name);
  expect(await etcdEngine.health(etcd)).toEqual({ healthy: false, says: "not running" });
});

test("a port that another program has is named", async () => {
  await system.machine.stop(etcd.name);
  const other = createServer((connection) => connection.destroy()).listen(etcd.spec.peerPort, etcd.spec.address);
  await once(other, "listening");
  await system.machine.start(etcd.name, etcdEngine.command(etcd));
  await until("its health names the port", async () => {
    const health = await etcdEngine.health(etcd);
    return !health.healthy && health.says.endsWith(`another program has port ${etcd.spec.peerPort} of 127.77.0.2`);
  });
  other.close();
  await healthy();
});
