import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { traffic, until } from "../../machine/local/testing.ts";
import { InstanceName } from "../../topology/names.ts";
import { haproxyEngine } from "./engine.ts";
import { startTestBalancer, TEST_LIMITS, type TestBalancer, type TestServer, testServer } from "./testing.ts";

let system: TestBalancer;
let server: TestServer;

beforeAll(async () => {
  server = await testServer("dc1.app.1@1");
  system = await startTestBalancer({ servers: [server] });
});
afterAll(async () => {
  await system[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** Processes of HAProxy in the instance's folder: master and workers. */
function processes(): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => {
      try {
        const ours = readlinkSync(`/proc/${pid}/cwd`) === system.placed.folder;
        return ours && readlinkSync(`/proc/${pid}/exe`).endsWith("/haproxy");
      } catch {
        return false;
      }
    });
}

test("renders the same bytes for the same spec, and names what differs but for servers", () => {
  const { placed } = system;
  const text = (spec: Partial<typeof placed.spec>) =>
    haproxyEngine.render({ ...placed, spec: { ...placed.spec, ...spec } }).get("haproxy.cfg")!;
  const id = (config: string) => /description (\w{16})/.exec(config)![1];
  expect(text({})).toBe(text({}));
  expect(id(text({ servers: [] }))).toBe(id(text({})));
  expect(text({ servers: [] })).not.toBe(text({}));
  expect(id(text({ holdMs: 1 }))).not.toBe(id(text({})));
  expect(text({})).not.toMatch(/undefined|NaN|object/);
});

test("does not run as root, and its sockets are for their owner only", () => {
  for (const pid of processes()) {
    const uid = /^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1];
    expect(Number(uid) === 0).toBe(false);
  }
  expect(processes().length).toBe(2);
});

test("tells how it is, and what is not there is not healthy", async () => {
  expect(await haproxyEngine.health(system.placed)).toMatchObject({
    healthy: true,
    details: { version: expect.stringMatching(/^2\.|^3\./), servers: 1, serversUp: 1 },
  });
  const nowhere = { ...system.placed, sockets: `${system.placed.sockets}-not` };
  expect(await haproxyEngine.health(nowhere)).toEqual({ healthy: false, says: "not running, or not yet listening" });
  expect(await haproxyEngine.change(nowhere, system.placed.spec)).toBe("restart");
  expect(await haproxyEngine.change(system.placed, { ...system.placed.spec, socket: "other" })).toBe("restart");
});

test("its worker killed, it is back within a second", async () => {
  const master = await system.pid();
  const worker = processes().find((pid) => pid !== master)!;
  process.kill(worker, "SIGKILL");
  const begun = performance.now();
  await until("another one runs", async () => ![0, master].includes(await system.pid()), 2_000);
  await until("it serves", async () => (await fetch(`http://127.0.0.1:${system.port}/`)).ok, 2_000);
  expect(performance.now() - begun).toBeLessThan(1_000);
});

test("takes the public socket over from a server of the service and gives it back, with no failed request", async () => {
  const { machine, placed, port } = system;
  const kept = traffic(port, { clients: 4 });
  const tiny = await machine.tinyService("dc1.app.7");
  const round = async () => {
    await machine.machine.start(tiny.name, tiny.command);
    await until("the service answers itself", () => kept.soFar.ok > 0 && seen("dc1.app.7"));
    await machine.machine.stop(placed.name);
    await delay(100);
    await machine.machine.start(placed.name, haproxyEngine.command(placed));
    await until("HAProxy is healthy", async () => (await haproxyEngine.health(placed)).healthy);
    await machine.machine.stop(tiny.name);
  };
  const texts = (kept.soFar as unknown as { texts: Map<string, number> }).texts;
  const seen = (text: string) => (texts.get(text) ?? 0) > 0;
  await round();
  await round();
  const report = await kept.finish();
  expect(report.failures).toEqual([]);
  expect(report.texts.get(InstanceName.parse("dc1.app.7"))).toBeGreaterThan(5);
  expect(report.texts.get("dc1.app.1@1")).toBeGreaterThan(5);
});

test("reaches the servers from the address that it was given", async () => {
  await using other = await testServer("dc1.app.2@1", (request, response) =>
    response.end(request.socket.remoteAddress),
  );
  const { said } = await system.change({ servers: [other], source: "127.9.9.9", limits: TEST_LIMITS });
  expect(said).toBe("changed");
  const answer = await fetch(`http://127.0.0.1:${system.port}/`, { headers: { "x-fresh": "1" } });
  expect(await answer.text()).toBe("127.9.9.9");
  await system.change({ servers: [server] });
});

test("with agent and master killed, the next start leaves no former worker", async () => {
  await system.machine.killAgent();
  const [master, worker] = processes();
  process.kill(Math.min(master!, worker!), "SIGKILL");
  // Asking is what begins a new agent.
  await until("a new agent runs", () => system.machine.machine.list().catch(() => undefined));
  await until("there are a new master and its worker", async () => {
    const now = processes();
    return now.length === 2 && !now.includes(master!) && !now.includes(worker!);
  });
  await until("it serves", async () => (await fetch(`http://127.0.0.1:${system.port}/`)).ok, 2_000);
});
