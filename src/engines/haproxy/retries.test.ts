import { once } from "node:events";
import { createServer, request, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { traffic, until } from "../../machine/local/testing.ts";
import { InstanceName } from "../../topology/names.ts";
import { READY_PATH } from "./server.ts";
import { startTestBalancer, TEST_LIMITS, type TestBalancer, testServer } from "./testing.ts";

let system: TestBalancer;
/** Takes requests, counts them, and breaks the connection without a word. */
let breaking: Server;
const broken: string[] = [];
const name = InstanceName.parse("dc1.app.2@1");

beforeAll(async () => {
  breaking = createServer((incoming, response) => {
    if (incoming.url === READY_PATH) return response.end();
    broken.push(`${incoming.method} ${incoming.url}`);
    return incoming.socket.destroy();
  });
  breaking.listen(0, "127.0.0.1");
  await once(breaking, "listening");
  system = await startTestBalancer();
});
afterAll(async () => {
  await system[Symbol.asyncDispose]();
  breaking.close();
});

function send(method: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port: system.port, method, path, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on("error", reject);
    sent.end();
  });
}

test("a request that may have been worked on is tried again only if it changes nothing", async () => {
  await using good = await testServer("dc1.app.1@1");
  const bad = { name, address: "127.0.0.1", port: (breaking.address() as AddressInfo).port };
  await system.balancer.add(bad);
  await system.balancer.add(good);
  for (let i = 0; i < 20; i += 1) expect(await send("GET", `/get/${i}`)).toBe(200);
  expect(broken.length).toBeGreaterThan(2);
  const statuses = [];
  for (let i = 0; i < 20; i += 1) statuses.push(await send("POST", `/post/${i}`));
  const failed = statuses.filter((status) => status === 502).length;
  expect(failed).toBeGreaterThan(2);
  const reached = [...broken, ...good.seen.map(({ method, url }) => `${method} ${url}`)];
  const posts = reached.filter((line) => line.startsWith("POST"));
  expect(new Set(posts).size).toBe(posts.length);
  expect(posts.length).toBe(20);
  await system.balancer.remove(name);
  await system.balancer.remove(good.name);
});

test("a request that reached nobody is tried again with another server, whatever its method", async () => {
  await using good = await testServer("dc1.app.1@1");
  const gone = await testServer("dc1.app.2@1");
  await system.balancer.add(good);
  await system.balancer.add(gone);
  await gone[Symbol.asyncDispose]();
  const statuses = await Promise.all(Array.from({ length: 20 }, (_, i) => send("POST", `/p/${i}`)));
  expect(statuses).toEqual(Array(20).fill(200));
  expect(good.seen.length).toBe(20);
  await system.balancer.remove(good.name);
  await system.balancer.remove(gone.name);
});

test("with no server for longer than it may wait, a request gets 503 and when to come back", async () => {
  await system.change({ holdMs: 300 });
  const begun = performance.now();
  const response = await fetch(`http://127.0.0.1:${system.port}/`);
  expect(response.status).toBe(503);
  expect(response.headers.get("retry-after")).toBe("1");
  expect(await response.json()).toMatchObject({ code: "overloaded" });
  expect(performance.now() - begun).toBeGreaterThan(290);
  expect(performance.now() - begun).toBeLessThan(1_000);
  await system.change({ holdMs: 5_000 });
});

test("a server that says it drains gets no more requests and finishes those that it has", async () => {
  const slow = await testServer("dc1.app.1@1", (_, response) => setTimeout(() => response.end("slow"), 600));
  await using other = await testServer("dc1.app.2@1");
  await system.balancer.add(slow);
  const waiting = Promise.all([send("GET", "/1"), send("POST", "/2")]);
  await until("it works", () => slow.seen.length === 2);
  await system.balancer.add(other);
  slow.ready = false;
  await until("it is out", async () => (await system.balancer.servers()).get(slow.name)?.state === "down", 1_000);
  for (let i = 0; i < 10; i += 1) expect(await send("POST", "/x")).toBe(200);
  expect(slow.seen.length).toBe(2);
  expect(await waiting).toEqual([200, 200]);
  await system.balancer.remove(slow.name);
  await system.balancer.remove(other.name);
  await slow[Symbol.asyncDispose]();
});

test("a reload fails no request, on connections old and new", async () => {
  await using server = await testServer("dc1.app.1@1", (_, response) => setTimeout(() => response.end("a"), 10));
  await system.change({ servers: [server] });
  const kept = traffic(system.port, { clients: 6, keepAlive: true });
  const fresh = traffic(system.port, { clients: 2 });
  for (let round = 1; round <= 3; round += 1) {
    await delay(100);
    expect((await system.change({ limits: { ...TEST_LIMITS, maxBodyBytes: round } })).said).toBe("changed");
  }
  for (const report of [await kept.finish(), await fresh.finish()]) expect(report.failures).toEqual([]);
  await system.change({ servers: [], limits: TEST_LIMITS });
});

test("a configuration that HAProxy does not take is refused, and it goes on as before", async () => {
  await using server = await testServer("dc1.app.1@1");
  await system.change({ servers: [server] });
  const before = system.placed.spec.trustedProxies;
  await expect(system.change({ trustedProxies: ["nonsense"] })).rejects.toThrow(/goes on with its former/);
  expect(await send("GET", "/")).toBe(200);
  await system.change({ trustedProxies: before });
  expect(await send("GET", "/")).toBe(200);
  await system.change({ servers: [] });
});

test("a stop ends what is under way first, and closes no idle connection under its client", async () => {
  await using server = await testServer("dc1.app.1@1", (_, response) => setTimeout(() => response.end("done"), 500));
  const { placed } = await system.change({ servers: [server], limits: { ...TEST_LIMITS, keepAliveMs: 1_000 } });
  const idle = connect(system.port, "127.0.0.1");
  let text = "";
  idle.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  idle.write("GET /first HTTP/1.1\r\nhost: x\r\n\r\n");
  await until("the first is answered", () => text.endsWith("done"));
  const waiting = send("POST", "/slow");
  await until("it works", () => server.seen.length === 2);
  const stopped = system.machine.machine.stop(placed.name);
  await delay(200);
  idle.write("GET /second HTTP/1.1\r\nhost: x\r\n\r\n");
  await until("the second is answered", () => text.split("done").length === 3, 2_000);
  expect(text.toLowerCase()).toContain("connection: close");
  expect(await waiting).toBe(200);
  await stopped;
});
