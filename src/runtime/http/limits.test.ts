import fastify from "fastify";
import { Hono } from "hono";
import { expect, test } from "vitest";
import type { HttpApp, Listener } from "../service.ts";
import { hostApp, raw } from "./testing.ts";

const ok: Listener = (_request, response) => void response.end("ok");

test("beyond the limit a request is refused at once with Retry-After, and the others go on", async () => {
  const release = Promise.withResolvers<void>();
  const app: Listener = (_request, response) => void release.promise.then(() => response.end("ok"));
  await using hosted = await hostApp(app, { limits: { maxInFlight: 3 } });
  const admitted = [1, 2, 3].map(() => fetch(hosted.url));
  await expect.poll(() => hosted.server.stats().inFlight).toBe(3);
  const began = performance.now();
  const refused = await fetch(hosted.url);
  expect(performance.now() - began).toBeLessThan(200);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
  expect(await refused.json()).toMatchObject({ code: "overloaded" });
  release.resolve();
  for (const answer of await Promise.all(admitted)) expect(answer.status).toBe(200);
  expect((await fetch(hosted.url)).status).toBe(200);
});

test("headers beyond 16 KiB are answered 431 and the connection ends", async () => {
  await using hosted = await hostApp(ok);
  using connection = raw(hosted.port, `GET / HTTP/1.1\r\nHost: x\r\nX-Big: ${"a".repeat(20_000)}\r\n\r\n`);
  await connection.closed;
  expect(connection.received()).toMatch(/^HTTP\/1.1 431 /);
});

test.each([
  ["not HTTP at all", "hello there\r\n\r\n"],
  ["no Host", "GET / HTTP/1.1\r\n\r\n"],
  ["two lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"],
  [
    "a length and chunks",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  ],
  ["chunked before another coding", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"],
  ["a space before the colon", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 4\r\n\r\nabcd"],
  ["a negative length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"],
  ["a bad chunk", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
])("malformed HTTP (%s) is answered 400 and the connection ends", async (_name, bytes) => {
  let served = 0;
  await using hosted = await hostApp((request, response) => {
    request
      .on("error", () => undefined)
      .on("end", () => {
        served += 1;
        response.end("ok");
      });
    request.resume();
  });
  using connection = raw(hosted.port, bytes);
  await connection.closed;
  expect(connection.received()).toMatch(/^HTTP\/1.1 400 /);
  expect(served).toBe(0);
});

test("a client that is slow with its headers, or with its body, is cut off", async () => {
  await using hosted = await hostApp(ok, { limits: { headersTimeoutMs: 300, requestTimeoutMs: 600 } });
  using headers = raw(hosted.port, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ");
  const drip = setInterval(() => headers.socket.write("a"), 50);
  const began = performance.now();
  await headers.closed;
  clearInterval(drip);
  expect(headers.received()).toMatch(/^HTTP\/1.1 408 /);

  await using waits = await hostApp(
    (request, response) =>
      void request
        .on("error", () => undefined)
        .on("end", () => response.end("ok"))
        .resume(),
    { limits: { headersTimeoutMs: 300, requestTimeoutMs: 600 } },
  );
  using body = raw(waits.port, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\na");
  const dripBody = setInterval(() => body.socket.write("a"), 100);
  await body.closed;
  clearInterval(dripBody);
  expect(body.received()).toMatch(/^HTTP\/1.1 408 /);
  expect(performance.now() - began).toBeLessThan(5_000);
});

test("a client that does not read its response is cut off; an app that takes its time is not", async () => {
  const app: Listener = (request, response) => {
    if (request.url === "/big") response.end(Buffer.alloc(50_000_000));
    else setTimeout(() => response.end("at last"), 1_500);
  };
  await using hosted = await hostApp(app, { stallMs: 400 });
  using patient = raw(hosted.port, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  using stalled = raw(hosted.port, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
  await stalled.until(/200 OK/);
  stalled.socket.pause();
  await expect.poll(() => hosted.server.stats().connections, { timeout: 10_000 }).toBe(1);
  await patient.until(/at last/);
});

const readers: Record<string, () => HttpApp> = {
  fastify: () => {
    const app = fastify({ bodyLimit: 100_000_000 });
    app.post("/", async () => "whole");
    return app;
  },
  hono: () => {
    const app = new Hono();
    app.post("/", async (c) => {
      await c.req.text();
      return c.text("whole");
    });
    return app;
  },
  listener: () => async (request, response) => {
    for await (const _chunk of request);
    response.end("whole");
  },
};

test.each(Object.entries(readers))(
  "%s: a body that is too long is answered 413, declared or not",
  async (_name, app) => {
    await using hosted = await hostApp(app(), { limits: { maxBodyBytes: 100_000 } });
    const head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n";
    using declared = raw(hosted.port, `${head}Content-Length: 100001\r\n\r\n`);
    expect(await declared.until(/^HTTP\/1.1 413 [\s\S]*body-too-long/)).toMatch(/connection: close/i);

    using streamed = raw(hosted.port, `${head}Transfer-Encoding: chunked\r\n\r\n`);
    for (let i = 0; i < 100; i++) streamed.socket.write(`2710\r\n${"a".repeat(10_000)}\r\n`);
    await streamed.until(/^HTTP\/1.1 413 [\s\S]*body-too-long/);
    await streamed.closed;
    expect(streamed.received()).not.toContain("whole");

    const fits = await fetch(hosted.url, {
      method: "POST",
      headers: { "content-type": "text/plain" },
      body: "a".repeat(100_000),
    });
    expect([fits.status, await fits.text()]).toEqual([200, "whole"]);
    expect(hosted.server.stats().inFlight).toBe(0);
  },
);

test("an answer of the app that comes before the body was sent is not lost with the connection", async () => {
  await using hosted = await hostApp((_request, response) => {
    response.writeHead(413, { connection: "close", "content-length": "3" }).end("no\n");
  });
  using connection = raw(hosted.port, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
  await connection.until(/^HTTP\/1.1 413 [\s\S]*no\n$/);
  let sent = 0;
  for (; sent < 1_000_000; sent += 100_000) {
    expect(connection.socket.readyState).toBe("open");
    await new Promise((resolve) => connection.socket.write(Buffer.alloc(100_000), resolve));
  }
  await connection.closed;
});

test("100 Continue is not sent for a body that will be refused", async () => {
  await using hosted = await hostApp(ok, { limits: { maxBodyBytes: 10 } });
  using connection = raw(
    hosted.port,
    "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n",
  );
  await connection.until(/^HTTP\/1.1 413 /);
});

test("no informational answers are sent: a cache in front would fail on them", async () => {
  await using hosted = await hostApp((_request, response) => {
    response.writeEarlyHints({ link: "</a.css>; rel=preload" }, () => response.end("ok"));
  });
  using connection = raw(hosted.port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  expect(await connection.until(/ok$/)).toMatch(/^HTTP\/1.1 200 /);
});
