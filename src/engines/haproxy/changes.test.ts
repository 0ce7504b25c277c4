import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { freePort } from "../../machine/free-port.ts";
import { traffic, until } from "../../machine/local/testing.ts";
import { InstanceName } from "../../topology/names.ts";
import { ServerNotReady } from "./problem.ts";
import { killableServer, startTestBalancer, type TestBalancer, testServer } from "./testing.ts";

let system: TestBalancer;
beforeAll(async () => {
  system = await startTestBalancer();
});
afterAll(() => system[Symbol.asyncDispose]());
beforeEach(async () => {
  for (const name of (await system.balancer.servers()).keys()) await system.balancer.remove(name);
});

test("servers come and go under traffic without a failed request", async () => {
  const { balancer, port } = system;
  await using a = await testServer("dc1.app.1@1", (_, response) => setTimeout(() => response.end("a"), 80));
  await using b = await testServer("dc1.app.2@1", (_, response) => setTimeout(() => response.end("b"), 80));
  await balancer.add(a);
  const running = traffic(port, { clients: 6, keepAlive: true });
  const fresh = traffic(port, { clients: 2 });
  // These are never tried again, so they show what a server loses.
  const statuses = new Set<number | string>();
  let posting = true;
  const posts = Array.from({ length: 3 }, async () => {
    while (posting) {
      const sent = fetch(`http://127.0.0.1:${port}/`, { method: "POST" });
      statuses.add(await sent.then((response) => response.text().then(() => response.status)).catch(String));
    }
  });
  for (let round = 0; round < 3; round += 1) {
    const begun = performance.now();
    await balancer.add(b);
    await balancer.add(b);
    expect(performance.now() - begun).toBeLessThan(500);
    const before = b.seen.length;
    await until("the new server gets requests", () => b.seen.length > before + 5, 2_000);
    expect(await balancer.drain(a.name, 2_000)).toEqual({ cut: 0 });
    const drained = a.seen.length;
    await balancer.remove(a.name);
    await balancer.remove(a.name);
    expect([...(await balancer.servers()).keys()]).toEqual([b.name]);
    await delay(50);
    expect(a.seen.length).toBe(drained);
    await balancer.add(a);
    expect(await balancer.drain(b.name, 2_000)).toEqual({ cut: 0 });
    await balancer.remove(b.name);
  }
  posting = false;
  await Promise.all(posts);
  expect([...statuses]).toEqual([200]);
  for (const report of [await running.finish(), await fresh.finish()]) {
    expect(report.failures).toEqual([]);
    expect(report.ok).toBeGreaterThan(20);
  }
});

test("servers that come at run time, at once or one by one, all get their share", async () => {
  const { balancer, port } = system;
  await using one = await testServer("dc1.app.1@1");
  await using two = await testServer("dc1.app.2@1");
  await using three = await testServer("dc1.app.3@1");
  await using four = await testServer("dc1.app.4@1");
  await using five = await testServer("dc1.app.1@2");
  await Promise.all([one, two, three, four].map((server) => balancer.add(server)));
  const asked = async (requests: number) => {
    for (let i = 0; i < requests; i += 1) await (await fetch(`http://127.0.0.1:${port}/`)).text();
  };
  await asked(400);
  for (const { seen } of [one, two, three, four]) expect(seen.length).toBeGreaterThan(50);
  await balancer.remove(one.name);
  await balancer.add(five);
  const before = [two, three, four].map(({ seen }) => seen.length);
  await asked(400);
  expect(five.seen.length).toBeGreaterThan(50);
  for (const [i, { seen }] of [two, three, four].entries()) expect(seen.length - (before[i] ?? 0)).toBeGreaterThan(50);
});

test("a server that is not ready is not added", async () => {
  await using server = await testServer("dc1.app.1@1");
  server.ready = false;
  await expect(system.balancer.add(server, { readyWithinMs: 100 })).rejects.toThrow(ServerNotReady);
  expect([...(await system.balancer.servers())]).toEqual([]);
  server.ready = true;
  await system.balancer.add(server);
  expect((await system.balancer.servers()).get(server.name)).toMatchObject({
    state: "up",
    address: "127.0.0.1",
    port: server.port,
  });
});

test("HAProxy killed with SIGKILL is back within a second, with the servers in its file and no former worker", async () => {
  await using server = await testServer("dc1.app.1@1");
  const { said } = await system.change({ servers: [server] });
  expect(said).toBe("changed");
  const pid = await system.pid();
  const running = traffic(system.port, { clients: 2 });
  await until("traffic flows", () => running.soFar.ok > 10);
  const begun = performance.now();
  process.kill(pid, "SIGKILL");
  await until("another HAProxy runs", async () => ![0, pid].includes(await system.pid()), 2_000);
  const at = running.soFar.ok;
  await until("traffic flows again", () => running.soFar.ok > at + 5, 3_000);
  expect(performance.now() - begun).toBeLessThan(1_000);
  const report = await running.finish();
  expect(report.failures.length).toBeLessThanOrEqual(2);
  await system.change({ servers: [] });
});

test("a server that dies is out within a second, and no GET fails", async () => {
  await using steady = await testServer("dc1.app.1@1");
  const dying = { name: InstanceName.parse("dc1.app.2@1"), address: "127.0.0.1", port: await freePort() };
  const server = await killableServer("b", dying.port);
  await system.balancer.add(steady);
  await system.balancer.add(dying);
  const running = traffic(system.port, { clients: 8, keepAlive: true });
  await until("both serve", async () => (await system.balancer.servers()).get(dying.name)!.requests > 20);
  await server.kill();
  const begun = performance.now();
  await until("it is down", async () => (await system.balancer.servers()).get(dying.name)?.state === "down");
  expect(performance.now() - begun).toBeLessThan(1_000);
  const report = await running.finish();
  expect(report.failures).toEqual([]);
  expect(report.texts.get("b")).toBeGreaterThan(5);
  expect([...report.texts.keys()].sort()).toEqual(["b", "dc1.app.1@1"]);
});

test("with its only server killed, requests wait until it is back", async () => {
  const only = { name: InstanceName.parse("dc1.app.1@1"), address: "127.0.0.1", port: await freePort() };
  const first = await killableServer("first", only.port);
  await system.balancer.add(only);
  const running = traffic(system.port, { clients: 4, keepAlive: true });
  await until("it serves", () => running.soFar.ok > 20);
  await first.kill();
  await delay(700);
  const second = await killableServer("second", only.port);
  await delay(500);
  const report = await running.finish();
  await second.kill();
  expect(report.failures).toEqual([]);
  expect(report.texts.size).toBe(2);
  expect(report.longestMs).toBeLessThan(2_000);
});

test("a WebSocket outlives changes of other servers and a reload", async () => {
  await using a = await testServer("dc1.app.1@1");
  await using b = await testServer("dc1.app.2@1");
  await system.change({ servers: [a] });
  const socket = connect(system.port, "127.0.0.1");
  const key = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13";
  socket.write(`GET /chat HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n${key}\r\n\r\n`);
  let text = "";
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  await until("it is open", () => text.includes("101"));
  await system.change({ servers: [a, b] });
  await system.change({ servers: [a], limits: { ...system.placed.spec.limits, maxBodyBytes: 5 } });
  socket.write("still here");
  await until("it is answered", () => text.endsWith("still here"), 2_000);
  expect(await system.balancer.drain(a.name, 200)).toEqual({ cut: 1 });
  await until("it is cut off", () => socket.destroyed, 2_000);
  await system.change({ servers: [], limits: system.placed.spec.limits });
});
