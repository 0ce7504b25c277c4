import type { IncomingMessage } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { context } from "../context.ts";
import { BadProxyAddress, originsBehind } from "./origin.ts";
import { hostApp, raw } from "./testing.ts";

const FORGED = [
  "Forwarded: for=6.6.6.6;proto=https;host=evil.example",
  "X-Forwarded-For: 6.6.6.6",
  "x-forwarded-proto: https",
  "X-FORWARDED-HOST: evil.example",
  "X-Forwarded-Anything: evil",
].join("\r\n");
const request = (headers = "", path = "/") => `GET ${path} HTTP/1.1\r\nHost: shop.example\r\n${headers}\r\n\r\n`;
const tells = (incoming: IncomingMessage, response: import("node:http").ServerResponse) => {
  const { client } = context();
  response.end(JSON.stringify({ client, headers: Object.keys(incoming.headers), raw: incoming.rawHeaders }));
};
const bodyOf = (text: string) => JSON.parse(text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1)) as Told;
interface Told {
  client: { address: string; scheme: string; host: string };
  headers: string[];
  raw: string[];
}

test("what a client writes into forwarding headers is gone before the service sees it", async () => {
  await using host = await hostApp(tells, { limits: { trustedProxies: ["127.9.9.9"] } });
  using connection = raw(host.port, request(`${FORGED}\r\nAccept: a/b`));
  const told = bodyOf(await connection.until(/}$/));
  expect(told.client).toEqual({ address: "127.0.0.1", scheme: "http", host: "shop.example" });
  expect(told.headers).toEqual(["host", "accept"]);
  expect(told.raw).toEqual(["Host", "shop.example", "Accept", "a/b"]);
});

test("a trusted balancer's word on the client counts, and the service may read it", async () => {
  await using host = await hostApp(tells, { limits: { trustedProxies: ["127.0.0.0/8", "10.0.0.7"] } });
  const headers =
    "X-Forwarded-For: 6.6.6.6, 9.9.9.9, 10.0.0.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: www.example";
  using connection = raw(host.port, request(headers));
  const told = bodyOf(await connection.until(/}$/));
  expect(told.client).toEqual({ address: "9.9.9.9", scheme: "https", host: "www.example" });
  expect(told.headers).toContain("x-forwarded-for");
});

test("an app with `fetch` sees the address that the client used", async () => {
  const app = { fetch: (given: Request) => new Response(given.url) };
  await using host = await hostApp(app, { limits: { trustedProxies: ["127.0.0.1"] } });
  using connection = raw(host.port, request("X-Forwarded-Proto: https\r\nX-Forwarded-Host: www.example:8443", "/a?b"));
  expect(await connection.until(/\/a\?b/)).toContain("https://www.example:8443/a?b");
});

test("a balancer may leave a connection idle for longer than clients, who are told their own time", async () => {
  const app = (_: IncomingMessage, response: import("node:http").ServerResponse) => response.end("ok");
  await using direct = await hostApp(app, { limits: { keepAliveMs: 1_000 } });
  await using balanced = await hostApp(app, { limits: { keepAliveMs: 1_000, trustedProxies: ["127.0.0.1"] } });
  using client = raw(direct.port, request());
  using proxy = raw(balanced.port, request());
  expect(await client.until(/ok/)).toMatch(/keep-alive: timeout=1\r/i);
  await proxy.until(/ok/);
  await client.closed;
  await delay(200);
  proxy.socket.write(request());
  await proxy.until((text) => text.match(/ok/g)?.length === 2);
});

test("a server that leaves tells its balancers, serves until they know, and then ends their idle connections", async () => {
  let answer: (() => void) | undefined;
  const app = (incoming: IncomingMessage, response: import("node:http").ServerResponse) => {
    if (incoming.url === "/slow") answer = () => response.end("late");
    else response.end("ok");
  };
  await using host = await hostApp(app, { limits: { trustedProxies: ["127.0.0.1"] } });
  const check = async () => {
    using asks = raw(host.port, request("", "/.ninefold/ready"));
    return (await asks.until(/\r\n\r\n\w/)).slice(9, 12);
  };
  expect(await check()).toBe("200");
  using idle = raw(host.port, request());
  await idle.until(/ok/);
  using busy = raw(host.port, request("", "/slow"));
  await expect.poll(() => host.server.stats().inFlight).toBe(1);

  const began = performance.now();
  const drained = host.server.drain(5_000);
  expect(await check()).toBe("503");
  using another = raw(host.port, request());
  expect(await another.until(/ok/)).toMatch(/connection: close/i);
  expect(idle.socket.readyState).toBe("open");
  expect(await check()).toBe("503");
  await idle.closed;
  answer?.();
  expect(await busy.until(/late/)).toMatch(/connection: close/i);
  expect(await drained).toEqual({ cut: 0 });
  expect(performance.now() - began).toBeLessThan(1_000);
});

test("a balancer that does not ask is waited for only so long", async () => {
  await using host = await hostApp(tells, { limits: { trustedProxies: ["127.0.0.1"] } });
  using idle = raw(host.port, request());
  await idle.until(/}$/);
  const began = performance.now();
  expect(await host.server.drain(10_000)).toEqual({ cut: 0 });
  expect(performance.now() - began).toBeGreaterThan(1_000);
  expect(performance.now() - began).toBeLessThan(3_000);
});

test("only this machine and trusted balancers are told whether a server is ready", () => {
  const origins = originsBehind(["10.1.0.0/16", "fd00::7"]);
  const from = (remoteAddress: string | undefined) => ({ socket: { remoteAddress } }) as IncomingMessage;
  const near = ["127.0.0.1", "127.1.0.3", "::1", "::ffff:127.0.0.1", "10.1.2.3", "::ffff:10.1.2.3", "fd00::7"];
  const far = ["10.2.0.1", "8.8.8.8", "::ffff:8.8.8.8", "fd00::8", undefined];
  expect(near.map((address) => origins.isNear(from(address)))).toEqual(near.map(() => true));
  expect(far.map((address) => origins.isNear(from(address)))).toEqual(far.map(() => false));
  expect(origins.trusts(from("127.0.0.1"))).toBe(false);
});

test.each(["balancer", "10.0.0.0/33", "10.0.0.0/", "::1/x", "1.2.3.4/8/9", ""])(
  "the proxy address %j is refused",
  (given) => {
    expect(() => originsBehind([given])).toThrow(BadProxyAddress);
  },
);
