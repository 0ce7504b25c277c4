import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { Client } from "undici";
import { expect, test } from "vitest";
import type { Endpoints } from "../../topology/endpoints.ts";
import { endpointsHolder } from "../endpoints.ts";
import { openPrivate, type Status } from "./private.ts";

const first: Endpoints = { version: 1, epoch: 4, deployment: "mine", clusters: {} };
const log = pino({ level: "silent" });

async function open(status: () => Status = () => "ready") {
  const folder = await mkdtemp(join(tmpdir(), "ninefold-private-"));
  const socket = join(folder, "private.sock");
  await writeFile(socket, "left by a killed process");
  const endpoints = endpointsHolder(first, "/nowhere", log);
  const opened = await openPrivate({
    socket,
    endpoints,
    publicSocket: () => undefined,
    log,
    health: () => ({ status: status(), inFlight: 0, connections: 0, epoch: endpoints.current().epoch, pid: 1 }),
  });
  const client = new Client("http://private", { socketPath: socket });
  return {
    socket,
    endpoints,
    async ask(method: string, path: string, body?: unknown) {
      const text = typeof body === "string" ? body : JSON.stringify(body);
      const answer = await client.request({ method: method as "GET", path, body: body === undefined ? null : text });
      return { status: answer.statusCode, body: (await answer.body.json()) as Record<string, unknown> };
    },
    async [Symbol.asyncDispose]() {
      await client.destroy();
      await opened.close();
      await rm(folder, { recursive: true });
    },
  };
}

test("health is 200 only when ready, over a socket for the owner alone", async () => {
  let status: Status = "starting";
  await using opened = await open(() => status);
  for (status of ["starting", "draining", "failed"] as const) {
    expect(await opened.ask("GET", "/health")).toMatchObject({ status: 503, body: { status } });
  }
  status = "ready";
  expect(await opened.ask("GET", "/health")).toMatchObject({ status: 200, body: { status, epoch: 4 } });
  expect((await stat(opened.socket)).mode & 0o777).toBe(0o600);
});

test("endpoints are replaced by newer ones only", async () => {
  await using opened = await open();
  const used: number[] = [];
  opened.endpoints.onReplace(({ epoch }) => used.push(epoch));
  expect(await opened.ask("PUT", "/endpoints", { ...first, epoch: 6 })).toMatchObject({
    status: 200,
    body: { epoch: 6 },
  });
  expect(await opened.ask("PUT", "/endpoints", { ...first, epoch: 6 })).toMatchObject({
    status: 200,
    body: { epoch: 6 },
  });
  expect(await opened.ask("PUT", "/endpoints", { ...first, epoch: 5 })).toMatchObject({
    status: 409,
    body: { code: "old-endpoints", says: expect.stringContaining("epoch 5 is older than 6") },
  });
  expect(await opened.ask("PUT", "/endpoints", { ...first, epoch: 9, deployment: "other" })).toMatchObject({
    status: 409,
    body: { code: "other-deployment" },
  });
  expect(used).toEqual([6]);
});

test.each([
  ["PUT", "/endpoints", "not json", 400],
  ["PUT", "/endpoints", { version: 1, epoch: 0 }, 400],
  ["POST", "/relay", { file: "/bin/true" }, 400],
  ["POST", "/relay", { file: "/bin/true", args: [], env: {}, cwd: "/" }, 409],
  ["GET", "/else", undefined, 404],
])("%s %s with %j is refused with what, where and what to do", async (method, path, body, status) => {
  await using opened = await open();
  const answer = await opened.ask(method, path, body);
  expect(answer.status).toBe(status);
  expect(answer.body).toMatchObject({ code: expect.any(String), at: expect.any(String), fix: expect.any(String) });
  expect(opened.endpoints.current()).toBe(first);
});

test("the endpoints file is read again when asked to: only what is newer, of this deployment and whole changes anything", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ninefold-endpoints-"));
  const file = join(folder, "endpoints.json");
  const held = endpointsHolder(first, file, log);
  const epochs = async (text: string) => {
    await writeFile(file, text);
    await held.reread();
    return held.current().epoch;
  };
  await held.reread();
  expect(held.current()).toBe(first);
  expect(await epochs(JSON.stringify({ ...first, epoch: first.epoch + 2 }))).toBe(first.epoch + 2);
  expect(await epochs(JSON.stringify({ ...first, epoch: first.epoch + 1 }))).toBe(first.epoch + 2);
  expect(await epochs(JSON.stringify({ ...first, epoch: 99, deployment: "other" }))).toBe(first.epoch + 2);
  expect(await epochs('{"version": 1, "epoch": 99')).toBe(first.epoch + 2);
  await rm(folder, { recursive: true });
});
