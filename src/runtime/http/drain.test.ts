import { setTimeout as after } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Listener } from "../service.ts";
import { type Hosted, hostApp, raw } from "./testing.ts";

const GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const hello: Listener = (_request, response) => void setImmediate(() => response.end("hello"));

/** Sends requests on a connection it keeps, as long as it is not told to end it; then goes on at the next server. */
async function client(servers: () => Hosted, fresh: Set<object>, until: Promise<unknown>, pauseMs: () => number) {
  let over = false;
  void until.then(() => {
    over = true;
  });
  let answered = 0;
  const failures: string[] = [];
  while (!over) {
    using connection = raw(servers().port);
    fresh.add(connection);
    for (let n = 1; !over; n++) {
      connection.socket.write(GET);
      const whole = (received: string) => received.split("hello").length > n;
      const got = await Promise.race([connection.until(whole), connection.closed.then(() => undefined)]);
      fresh.delete(connection);
      if (got === undefined && !whole(connection.received())) {
        failures.push(`request ${n} of a connection was not answered`);
        break;
      }
      answered += 1;
      if (/connection: close/i.test(connection.received())) break;
      await after(pauseMs());
    }
  }
  return { answered, failures };
}

test("no request fails over a drain while keep-alive clients use their connections again and again", async () => {
  const old = await hostApp(hello, { limits: { keepAliveMs: 2_000 } });
  await using next = await hostApp(hello);
  let serving = old;
  const over = Promise.withResolvers<void>();
  let seed = 1;
  const pause = () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % 40;
  };
  const fresh = new Set<object>();
  const clients = Array.from({ length: 40 }, () => client(() => serving, fresh, over.promise, pause));
  await after(300);
  serving = next;
  // What waits in the kernel's queue goes to another instance when they share the socket; these two do not.
  await expect.poll(() => fresh.size, { interval: 1, timeout: 10_000 }).toBe(0);
  const began = performance.now();
  const { cut } = await old.server.drain(10_000);
  const took = performance.now() - began;
  await after(200); // every client comes back from its pause, and would find its connection gone
  over.resolve();
  const results = await Promise.all(clients);
  expect(results.flatMap(({ failures }) => failures)).toEqual([]);
  expect(results.reduce((sum, { answered }) => sum + answered, 0)).toBeGreaterThan(100);
  expect(cut).toBe(0);
  // Quick: every client came back within its pause and was told; nothing waited for the idle time.
  expect(took).toBeLessThan(1_000);
});

test("an idle connection may be used until the time its client was told is over, and only then ends", async () => {
  const hosted = await hostApp(hello, { limits: { keepAliveMs: 1_000 } });
  using used = raw(hosted.port, GET);
  using idle = raw(hosted.port, GET);
  expect((await used.until(/hello/)).toLowerCase()).toContain("keep-alive: timeout=1");
  await idle.until(/hello/);
  const told = performance.now();
  const drained = hosted.server.drain(10_000);
  await after(600);
  used.socket.write(GET);
  expect((await used.until(/hello[\s\S]*hello/)).toLowerCase()).toContain("connection: close");
  await idle.closed;
  expect(performance.now() - told).toBeGreaterThan(1_000);
  expect(await drained).toEqual({ cut: 0 });
});

test("a slow download that began before the drain is finished", async () => {
  const size = 8_000_000;
  const hosted = await hostApp((_request, response) => void response.end(`${"x".repeat(size)}END`));
  using connection = raw(hosted.port, GET);
  await connection.until(/200 OK/);
  connection.socket.pause();
  const drained = hosted.server.drain(20_000);
  let finished = false;
  void drained.then(() => {
    finished = true;
  });
  await after(500);
  expect(finished).toBe(false);
  connection.socket.resume();
  await connection.until((received) => received.endsWith("END"), 20_000);
  connection.socket.end();
  expect(await drained).toEqual({ cut: 0 });
  expect(connection.received().length).toBeGreaterThan(size);
});

test("new connections are not accepted while draining", async () => {
  const hosted = await hostApp(hello);
  await hosted.server.drain(1_000);
  await expect(fetch(hosted.url)).rejects.toThrow();
});

test("what is still open after the time allowed is cut off, and counted", async () => {
  const hosted = await hostApp((_request, response) => void response.write("never whole"));
  using connection = raw(hosted.port, GET);
  await connection.until(/never whole/);
  expect(hosted.server.stats()).toMatchObject({ inFlight: 1, connections: 1, draining: false });
  expect(await hosted.server.drain(100)).toEqual({ cut: 1 });
  await connection.closed;
});
