import { get, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { until } from "../../machine/local/testing.ts";
import { statistics } from "./statistics.ts";
import { startTestBalancer, TEST_LIMITS, type TestBalancer, type TestServer, testServer } from "./testing.ts";

let system: TestBalancer;
let server: TestServer;
let url: string;
let answer: (response: ServerResponse, path: string) => void;
const plainAnswer: typeof answer = (response) => response.end("hello");

beforeAll(async () => {
  answer = plainAnswer;
  server = await testServer("dc1.app.1@1", (request, response) => answer(response, request.url ?? ""));
  system = await startTestBalancer({ servers: [server] });
  url = `http://127.0.0.1:${system.port}`;
});
afterEach(() => {
  answer = plainAnswer;
});
afterAll(async () => {
  await system[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** Sends bytes as they are and gives all that comes back until the connection ends, or for `ms`. */
async function raw(text: string, ms = 1_000): Promise<string> {
  const socket = connect(system.port, "127.0.0.1");
  let got = "";
  let ended = false;
  socket.on("data", (chunk: Buffer) => {
    got += chunk.toString();
  });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    ended = true;
  });
  socket.write(text);
  for (const deadline = Date.now() + ms; !ended && Date.now() < deadline; ) await delay(10);
  socket.destroy();
  return got;
}

/** On a connection of its own: one that was kept alive over a reload is answered once more by the former worker. */
function fresh(path = "/"): Promise<{ status: number | undefined; headers: IncomingHttpHeaders }> {
  return new Promise((resolve, reject) => {
    get(`${url}${path}`, { agent: false }, (response) => {
      response.resume();
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers }));
    }).on("error", reject);
  });
}

test("replaces what a client says about where it comes from", async () => {
  await fetch(`${url}/a`, {
    headers: {
      Forwarded: "for=1.1.1.1",
      "X-Forwarded-For": "1.1.1.1",
      "X-Forwarded-Proto": "https",
      "X-Forwarded-Host": "evil.test",
      "X-Forwarded-Anything": "1",
      "X-Real-IP": "1.1.1.1",
      "True-Client-IP": "1.1.1.1",
      Via: "1.1 evil",
      Proxy: "http://evil",
      "X-Mine": "kept",
    },
  });
  const { headers } = server.seen.at(-1)!;
  expect(headers).toMatchObject({
    "x-forwarded-for": "127.0.0.1",
    "x-forwarded-proto": "http",
    "x-forwarded-host": `127.0.0.1:${system.port}`,
    forwarded: 'for="127.0.0.1";proto=http',
    "x-mine": "kept",
  });
  for (const name of ["x-forwarded-anything", "x-real-ip", "true-client-ip", "via", "proxy"]) {
    expect(headers[name]).toBeUndefined();
  }
});

test("hides servers, adds the headers that are missing and leaves the service's own", async () => {
  answer = (response) => {
    response.writeHead(200, { Server: "node", "X-Powered-By": "Express", Via: "1.1 x", "X-Frame-Options": "DENY" });
    response.end();
  };
  const { headers } = await fetch(`${url}/`);
  for (const name of ["server", "x-powered-by", "via", "strict-transport-security", "x-ninefold-page-type"]) {
    expect(headers.get(name)).toBeNull();
  }
  expect(headers.get("x-frame-options")).toBe("DENY");
  expect(headers.get("x-content-type-options")).toBe("nosniff");
  expect(headers.get("referrer-policy")).toBe("strict-origin-when-cross-origin");
  expect(headers.get("keep-alive")).toBe("timeout=5");
});

test("gives every request an id, keeps a good one and replaces a bad one", async () => {
  const id = async (given?: string) => {
    await fetch(url, given === undefined ? {} : { headers: { "X-Request-Id": given } });
    return server.seen.at(-1)!.headers["x-request-id"];
  };
  const made = await id();
  expect(made).toMatch(/^[0-9a-f-]{36}$/);
  expect(await id()).not.toBe(made);
  expect(await id("mine-1")).toBe("mine-1");
  expect(await id('x" onload=')).toMatch(/^[0-9a-f-]{36}$/);
});

test("what servers say to it alone is not to be had from outside", async () => {
  const before = server.checks();
  for (const path of ["/.ninefold/ready", "/%2eninefold/ready", "/.ninefold/", "/.%6einefold/x"]) {
    const response = await fetch(`${url}${path}`);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: "not-found" });
    expect(response.headers.get("x-request-id")).toMatch(/.+/);
  }
  await delay(600);
  // The checks of HAProxy itself went on.
  expect(server.checks()).toBeGreaterThan(before);
});

test("error pages are JSON for programs and a page for browsers", async () => {
  const page = await fetch(`${url}/.ninefold/x`, { headers: { accept: "text/html,application/xhtml+xml,*/*;q=0.8" } });
  expect(page.headers.get("content-type")).toBe("text/html");
  expect(await page.text()).toMatch(/^<!doctype html>.*<h1>Not found<\/h1>/);
  const bad = await raw("GET / HTTP/1.1\r\nbad header\r\n\r\n");
  expect(bad).toMatch(/^HTTP\/1\.1 400 /);
  expect(bad.toLowerCase()).not.toContain("haproxy");
});

test("refuses a body that is too long, and the client gets to read that", async () => {
  // On connections of their own: `fetch` may choose one that a reload has closed, and sends no body twice.
  const send = (bytes: number) =>
    raw(
      `POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${bytes}\r\n\r\n${"x".repeat(bytes)}`,
      5_000,
    );
  const seen = server.seen.length;
  const refused = await send(TEST_LIMITS.maxBodyBytes + 1);
  expect(refused).toMatch(/^HTTP\/1\.1 413 /);
  expect(refused).toContain('{"code":"body-too-long"');
  expect(server.seen.length).toBe(seen);
  expect(await send(TEST_LIMITS.maxBodyBytes)).toMatch(/^HTTP\/1\.1 200 /);
  expect(server.seen.at(-1)!.body.length).toBe(TEST_LIMITS.maxBodyBytes);
});

test("headers of more than 15 KiB are refused, of 12 KiB not", async () => {
  const long = (bytes: number) => raw(`GET / HTTP/1.1\r\nhost: x\r\na: ${"x".repeat(bytes)}\r\n\r\n`);
  expect(await long(12_000)).toMatch(/^HTTP\/1\.1 200/);
  expect(await long(20_000)).toMatch(/^HTTP\/1\.1 (400|431)/);
});

test("slow clients are cut off, and keep no server busy", async () => {
  const limits = { ...TEST_LIMITS, headersTimeoutMs: 300, requestTimeoutMs: 500 };
  await system.change({ limits });
  const seen = server.seen.length;
  const begun = performance.now();
  const [headers, body] = await Promise.all([
    raw("GET / HTTP/1.1\r\nhost: x\r\n", 3_000),
    raw("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc", 3_000),
  ]);
  expect(performance.now() - begun).toBeLessThan(1_500);
  expect(headers).toMatch(/^HTTP\/1\.1 408 /);
  expect(body).toMatch(/^HTTP\/1\.1 408 /);
  expect(body).toContain('{"code":"request-too-slow"');
  expect(server.seen.length).toBe(seen);
  await system.change({ limits: TEST_LIMITS });
});

test("an answer may take longer than a client may be slow, and 100-continue works", async () => {
  const limits = { ...TEST_LIMITS, headersTimeoutMs: 300, requestTimeoutMs: 300 };
  await system.change({ limits });
  answer = (response) => setTimeout(() => response.end("late"), 1_000);
  expect(await (await fetch(url)).text()).toBe("late");
  answer = plainAnswer;
  const expecting = await raw("POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n", 200);
  expect(expecting).toMatch(/^HTTP\/1\.1 100 /);
  await system.change({ limits: TEST_LIMITS });
});

test("limits the requests of one client, and only of that", async () => {
  await system.change({ limits: { ...TEST_LIMITS, requestsPerClient: 20 } });
  const statuses = [];
  for (let i = 0; i < 25; i += 1) statuses.push((await fresh()).status);
  expect(statuses.filter((status) => status === 200).length).toBe(20);
  const refused = await fresh();
  expect(refused.status).toBe(429);
  expect(refused.headers["retry-after"]).toBe("10");
  await system.change({ unlimitedClients: ["127.0.0.0/8"] });
  for (let i = 0; i < 25; i += 1) expect((await fresh()).status).toBe(200);
  await system.change({ unlimitedClients: [], limits: TEST_LIMITS });
});

test("beyond what servers may work on and what may wait, answers 503 at once, and the rest is served", async () => {
  await system.change({ limits: { ...TEST_LIMITS, maxInFlight: 3 } });
  answer = (response) => setTimeout(() => response.end("slow"), 400);
  const begun = performance.now();
  const answers = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const response = await fetch(url);
      await response.text();
      return { status: response.status, ms: performance.now() - begun, again: response.headers.get("retry-after") };
    }),
  );
  const shed = answers.filter(({ status }) => status === 503);
  expect(shed.length).toBeGreaterThanOrEqual(8);
  expect(shed.every(({ ms, again }) => ms < 350 && again === "1")).toBe(true);
  expect(answers.filter(({ status }) => status === 200).length).toBe(20 - shed.length);
  await system.change({ limits: TEST_LIMITS });
});

test("takes a client's address from a PROXY header of a trusted balancer, and from nobody else", async () => {
  const proxied = "PROXY TCP4 203.0.113.9 10.0.0.1 1234 80\r\nGET /p HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
  expect(await raw(proxied)).toMatch(/^HTTP\/1\.1 400/);
  await system.change({ trustedProxies: ["127.0.0.1"] });
  expect(await raw(proxied)).toMatch(/^HTTP\/1\.1 200/);
  expect(server.seen.at(-1)!.headers["x-forwarded-for"]).toBe("203.0.113.9");
  const v6 = "PROXY TCP6 2001:db8::1 ::1 1234 80\r\nGET /p HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
  await raw(v6);
  expect(server.seen.at(-1)!.headers.forwarded).toBe('for="[2001:db8::1]";proto=http');
  await system.change({ trustedProxies: [] });
});

test("statistics count requests and tell of each server", async () => {
  const before = await statistics(system.placed);
  for (let i = 0; i < 5; i += 1) await fresh();
  await fresh("/.ninefold/x");
  await until("they are counted", async () => (await statistics(system.placed)).requests >= before.requests + 6);
  const after = await statistics(system.placed);
  expect(after.refused).toBe(before.refused + 1);
  expect(after.servers.get(server.name)).toMatchObject({ state: "up", check: "L7OK 200", sessions: 0 });
  expect(after.servers.get(server.name)!.requests).toBe(before.servers.get(server.name)!.requests + 5);
});
