import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestPostgres, type TestPostgres } from "../../engines/postgres/testing.ts";
import { openPublicSocket } from "../../machine/local/public-socket.ts";
import { unixRequest } from "../../machine/unix-http.ts";
import type { Endpoints } from "../../topology/endpoints.ts";
import { serviceFolder } from "./testing.ts";

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startTestPostgres({ roles: true, fsync: false });
});
afterAll(() => postgres[Symbol.asyncDispose]());

const SERVICE = `
import { defineService, context } from "ninefold";
export default defineService({
  name: "notes",
  migrations: "./migrations",
  tables: { notes: { key: "id" } },
  jobs: { remember: { run: async (job, { db }) => { await db.insertInto("notes").values({ text: "job: " + job.payload.text }).execute(); } } },
  http: ({ db, jobs, secret }) => async (request, response) => {
    if (request.url === "/write") {
      await db.insertInto("notes").values({ text: "hello" }).execute();
      await jobs.enqueue("remember", { text: "hello" });
    }
    if (request.url === "/slow") await new Promise((resolve) => setTimeout(resolve, 1_000));
    if (request.url === "/crash") setTimeout(() => { throw new Error("nobody catches this") });
    const notes = await db.selectFrom("notes").select("text").execute();
    response.end(JSON.stringify({ notes: notes.map((note) => note.text), secret: secret("a"), datacenter: context().datacenter, pid: process.pid }));
  },
});`;
const MIGRATION = `
export async function up(db) {
  await db.schema.createTable("notes").addColumn("id", "bigint", (c) => c.primaryKey().generatedAlwaysAsIdentity()).addColumn("text", "text").execute();
}`;

async function notes(more: Record<string, string> = {}) {
  const { database, connectionString } = await postgres.createDatabase();
  const service = await serviceFolder(postgres, database);
  for (const [path, text] of Object.entries({ "service.ts": SERVICE, "migrations/001-notes.ts": MIGRATION, ...more }))
    await service.write(path, text);
  return Object.assign(service, { database, connectionString });
}

async function signedIn(connectionString: string) {
  const client = new Client({ connectionString });
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

test("inspect says what a service declares, without a database", async () => {
  await using service = await notes();
  const { code, answer } = await service.run("inspect");
  expect({ code, answer }).toMatchObject({
    code: 0,
    answer: {
      ok: true,
      name: "notes",
      tables: { notes: { key: "id" } },
      jobs: ["remember"],
      migrations: ["001-notes"],
      assets: null,
    },
  });
});

test.each([
  ["no default export", "export const a = 1;", /service\.ts$/, /has no default export/],
  ["a default export of another kind", "export default { name: 'x' };", /service\.ts$/, /not made by defineService/],
  ["throwing at import", "throw new Error('broken here');", /service\.ts$/, /cannot be loaded: Error: broken here/],
  ["a missing package", "import 'no-such-package';", /service\.ts$/, /no-such-package/],
  ["a syntax error", "export default {", /service\.ts$/, /cannot be loaded/],
  [
    "a wrong definition",
    "import { defineService } from 'ninefold'; export default defineService({ name: 'Not OK', http: 5, tabels: {} });",
    /defineService\.name/,
    /lower-case/,
  ],
  [
    "a folder that is not there",
    "import { defineService } from 'ninefold'; export default defineService({ name: 'x', http: () => {}, assets: './nowhere' });",
    /assets$/,
    /no folder .*nowhere/,
  ],
])("inspect refuses a service with %s, and says where", async (_name, text, at, says) => {
  await using service = await notes({ "service.ts": text });
  const { code, answer } = await service.run("inspect");
  expect(code).toBe(1);
  const [problem] = answer.problems as { at: string; says: string; fix: string }[];
  expect(answer.ok).toBe(false);
  expect(problem?.at).toMatch(at);
  expect(problem?.says).toMatch(says);
  expect(problem?.fix).not.toBe("");
});

test("migrate brings the database up to date, and refuses a fact that does not hold", async () => {
  await using service = await notes();
  expect(await service.run("migrate")).toMatchObject({ code: 0, answer: { ok: true, applied: ["001-notes"] } });
  expect(await service.run("migrate")).toMatchObject({ code: 0, answer: { ok: true, applied: [] } });
  await service.write("service.ts", SERVICE.replace('key: "id"', 'key: "author"'));
  const { code, answer } = await service.run("migrate");
  expect(code).toBe(1);
  expect(answer.problems).toMatchObject([{ at: "tables.notes.key", says: expect.stringContaining("author") }]);
});

test("migrate may be told to wait until there is a database, and says meanwhile what the service declares", async () => {
  await using service = await notes();
  const ahead = { inspected: join(service.folder, "inspected.json"), begin: join(service.folder, "begin") };
  await using database = await signedIn(service.connectionString);
  const tables = async () => (await database.query("select from pg_tables where schemaname = 'public'")).rowCount;
  const run = service.run("migrate", { ahead });
  await until(() => existsSync(ahead.inspected));
  const inspected: unknown = JSON.parse(await readFile(ahead.inspected, "utf8"));
  expect(inspected).toMatchObject({ ok: true, name: "notes", migrations: ["001-notes"] });
  await after(300); // what must not happen would have happened
  expect(await tables()).toBe(0);
  await writeFile(ahead.begin, "");
  expect(await run).toMatchObject({ code: 0, answer: { ok: true, applied: ["001-notes"] } });
  expect(await tables()).toBeGreaterThan(0);
});

test("an instance asks its app for the paths to warm before anybody else can, but not where the tables were only now made", async () => {
  const counting = SERVICE.replace('name: "notes",', 'name: "notes", warm: ["/warm?n=1", "/broken"],').replace(
    "=> async (request, response) => {",
    `=> { const seen = []; let closed = false; return { ready: async () => {}, close: async () => { closed = true; }, routing: async (request, response) => {
      if (closed) return response.writeHead(503).end("closed");
      if (request.url === "/seen") return response.end(JSON.stringify(seen));
      seen.push(request.url);
      if (request.url === "/broken") throw new Error("broken");`,
  );
  await using service = await notes({ "service.ts": `${counting.trim().replace(/\},\s*\}\);$/, "} } },});")}` });
  const seen = async (name: string) => {
    const app = await service.start("app", { name, config: { database: { connections: 3, holdMs: 5_000 } } });
    if (name === "test.app.1") {
      await until(async () => /migrations/.test(String((await app.health())?.body.reason)));
      await service.run("migrate");
    }
    await app.until("ready", 60_000);
    const [, port] = /"port":(\d+)/.exec(await app.log()) ?? [];
    const urls = (await (await fetch(`http://127.0.0.1:${port}/seen`)).json()) as string[];
    app.child.kill();
    expect(await app.ended).toBe(0);
    return urls;
  };
  expect(await seen("test.app.1")).toEqual([]);
  await using database = await signedIn(service.connectionString);
  await database.query("update graphile_worker.migrations set ts = ts - interval '1 minute'");
  const later = await seen("test.app.2");
  expect(later.filter((url) => url === "/warm?n=1")).toHaveLength(20);
  expect(later.filter((url) => url === "/broken")).toHaveLength(20);
}, 180_000);

async function until(so: () => boolean | Promise<boolean>, withinMs = 20_000): Promise<void> {
  for (const end = performance.now() + withinMs; performance.now() < end; await after(20)) if (await so()) return;
  throw new Error(`not so within ${withinMs} ms: ${so}`);
}

test("an instance plays its rehearsal before anybody else can ask it, and nothing of that stays", async () => {
  const playing = SERVICE.replace(
    'name: "notes",',
    `name: "notes",
    rehearse: async ({ ask, db }) => {
      await db.insertInto("notes").values({ text: "stage" }).execute();
      const { status, json } = await ask("/write?n=1", { method: "POST", headers: { "x-a": "b" }, json: { a: 1 } });
      console.log("played", status, JSON.stringify(json().notes), await db.selectFrom("graphile_worker.jobs").select("id").execute().then((all) => all.length));
      if (globalThis.forgets) throw new Error("forgot the words");
    },`,
  )
    .replace('=== "/write"', '?.startsWith("/write")')
    .replace("request.url ?.", "request.url?.");
  await using service = await notes({ "service.ts": playing, "forgets.ts": `globalThis.forgets = true;${playing}` });
  await service.run("migrate");
  await using database = await signedIn(service.connectionString);
  await database.query("update graphile_worker.migrations set ts = ts - interval '1 minute'");
  const app = await service.start("app");
  await app.until("ready");
  expect((await app.log()).match(/played 200 \["stage","hello"\] 1$/gm)).toHaveLength(20);
  expect((await database.query("select from notes")).rowCount).toBe(0);
  expect((await database.query("select from graphile_worker.jobs")).rowCount).toBe(0);
  const [, port] = /"port":(\d+)/.exec(await app.log()) ?? [];
  await fetch(`http://127.0.0.1:${port}/write`);
  expect((await database.query("select text from notes")).rows).toEqual([{ text: "hello" }]);

  const name = "test.app.2";
  const forgets = await service.start("app", { name, config: { service: join(service.folder, "forgets.ts") } });
  await forgets.until("ready");
  expect((await forgets.log()).match(/played/g)).toHaveLength(1);
  expect(await forgets.log()).toMatch(/forgot the words.*the rehearsal failed/);
});

test("an instance file that is wrong is refused with all that is wrong", async () => {
  await using service = await notes();
  const started = await service.start("app", { config: { drainMs: -1, logLevel: "loud" as "info" } });
  expect(await started.ended).toBe(1);
  expect(await started.log()).toMatch(/drainMs[\s\S]*logLevel/);
});

test("app and worker serve what migrate prepared, and end with exit code 0", async () => {
  await using service = await notes();
  await service.run("migrate");
  const listening = await openPublicSocket("web", "127.0.0.1", 0);
  const app = await service.start("app", { socket: listening });
  const worker = await service.start("worker");
  expect(await app.until("ready")).toMatchObject({ inFlight: 0, epoch: 1, pid: app.child.pid });
  await worker.until("ready");
  const url = `http://127.0.0.1:${listening.port}`;
  const wrote = await fetch(`${url}/write`);
  expect(await wrote.json()).toMatchObject({ secret: expect.stringMatching(/^[0-9a-f]{64}$/), datacenter: "dc1" });
  expect(wrote.headers.getSetCookie()[0]).toMatch(/^ninefold_session=/);
  expect((await fetch(url)).headers.getSetCookie()).toEqual([]);
  await expect
    .poll(async () => ((await (await fetch(url)).json()) as { notes: string[] }).notes, { timeout: 15_000 })
    .toEqual(["hello", "job: hello"]);
  const slow = fetch(`${url}/slow`);
  await expect.poll(async () => (await app.health())?.body.inFlight).toBe(1);
  for (const { child } of [app, worker]) child.kill("SIGTERM");
  expect((await slow).status).toBe(200);
  expect([await app.ended, await worker.ended]).toEqual([0, 0]);
  listening.close();
});

test("instances are replaced behind one socket without a failed request", async () => {
  await using service = await notes();
  await service.run("migrate");
  const listening = await openPublicSocket("web", "127.0.0.1", 0);
  const url = `http://127.0.0.1:${listening.port}`;
  let current = await service.start("app", { name: "test.app.1", socket: listening });
  await current.until("ready");
  let over = false;
  const seen = new Set<number>();
  const failures: unknown[] = [];
  const clients = Array.from({ length: 8 }, async () => {
    while (!over) {
      try {
        const answer = await fetch(url);
        if (answer.status !== 200) failures.push(answer.status);
        seen.add(((await answer.json()) as { pid: number }).pid);
      } catch (error) {
        failures.push(error);
      }
      await after(Math.random() * 20);
    }
  });
  for (const name of ["test.app.2", "test.app.3"]) {
    const next = await service.start("app", { name, socket: listening });
    await next.until("ready");
    current.child.kill("SIGTERM");
    expect(await current.ended).toBe(0);
    current = next;
  }
  over = true;
  await Promise.all(clients);
  expect(failures).toEqual([]);
  expect(seen.size).toBe(3);
  listening.close();
}, 180_000);

test("an app waits for its database, and is not ready before", async () => {
  await using service = await notes();
  await service.run("migrate");
  const endpoints = JSON.parse(await readFile(`${service.folder}/endpoints.json`, "utf8")) as Endpoints;
  const primary = endpoints.clusters.main!.primary;
  const port = primary.port;
  primary.port = 1; // nothing listens there
  await service.write("endpoints.json", JSON.stringify(endpoints));
  const app = await service.start("app");
  await expect
    .poll(async () => (await app.health())?.body.reason, { timeout: 20_000 })
    .toMatch(/waiting for the database/);
  expect(await app.health()).toMatchObject({ status: 503, body: { status: "starting" } });
  primary.port = port;
  const body = { ...endpoints, epoch: 2 };
  expect(await unixRequest(app.privateSocket, "PUT", "/endpoints", { body, withinMs: 2_000 })).toMatchObject({
    status: 200,
  });
  expect(await app.until("ready")).toMatchObject({ epoch: 2 });
});

test.each([
  ["throws at import", { "service.ts": "throw new Error('broken here');" }, /broken here/],
  [
    "throws in http",
    {
      "service.ts": SERVICE.replace(
        "async (request, response) =>",
        "{ throw new Error('broken http'); async () =>",
      ).replace("  },\n});", "  }; },\n});"),
    },
    /broken http/,
  ],
  [
    "has a fact that does not hold",
    { "service.ts": SERVICE.replace('key: "id"', 'key: "author"') },
    /tables\.notes\.key/,
  ],
])("an app that %s says so as failed, and accepts nothing", async (_name, files, reason) => {
  await using service = await notes();
  await service.run("migrate");
  for (const [path, text] of Object.entries(files)) await service.write(path, text);
  const app = await service.start("app");
  expect((await app.until("failed")).reason).toMatch(reason);
  app.child.kill("SIGTERM");
  expect(await app.ended).toBe(0);
});

test("an app that hangs at import says that it is loading, and ends when asked", async () => {
  await using service = await notes({
    "service.ts": "await new Promise((resolve) => setTimeout(resolve, 3_600_000));",
  });
  const app = await service.start("app");
  expect(await app.until("starting")).toMatchObject({ reason: "loading the service module" });
  await expect.poll(app.log, { timeout: 10_000 }).toMatch(/"msg":"loading"/);
  app.child.kill("SIGTERM");
  expect(await app.ended).toBe(0);
});

test("an error nobody catches ends the process after its open requests", async () => {
  await using service = await notes();
  await service.run("migrate");
  const listening = await openPublicSocket("web", "127.0.0.1", 0);
  const app = await service.start("app", { socket: listening });
  await app.until("ready");
  const slow = fetch(`http://127.0.0.1:${listening.port}/slow`);
  await expect.poll(async () => (await app.health())?.body.inFlight).toBe(1);
  await fetch(`http://127.0.0.1:${listening.port}/crash`);
  expect((await slow).status).toBe(200);
  expect(await app.ended).toBe(1);
  expect(await app.log()).toMatch(/nobody catches this/);
  listening.close();
});

test("relay gives another process the very same listening socket", async () => {
  await using service = await notes();
  await service.run("migrate");
  const listening = await openPublicSocket("web", "127.0.0.1", 0);
  const app = await service.start("app", { socket: listening });
  await app.until("ready");
  listening.close(); // the agent is gone; only the instance holds the socket
  const code = `require("node:http").createServer((q, r) => { r.setHeader("connection", "close"); r.end("relayed"); }).listen({ fd: 3 })`;
  const body = { file: process.execPath, args: ["-e", code], env: {}, cwd: "/" };
  const answer = await unixRequest(app.privateSocket, "POST", "/relay", { body, withinMs: 5_000 });
  expect(answer.status).toBe(200);
  const { pid } = answer.body as { pid: number };
  try {
    app.child.kill("SIGTERM");
    expect(await app.ended).toBe(0);
    const relayed = await fetch(`http://127.0.0.1:${listening.port}`);
    expect(await relayed.text()).toBe("relayed");
  } finally {
    process.kill(pid, "SIGKILL");
  }
});
