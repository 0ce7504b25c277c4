import { spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { ensureAgent } from "../../machine/local/ensure.ts";
import { until } from "../../machine/local/testing.ts";
import { engineUser } from "../../machine/local/user.ts";
import { postgresEngine } from "./engine.ts";
import { type TestServer, testServer } from "./server.fixture.ts";

/** Processes that work in the data folder: the server and its backends. */
function processesOf({ placed }: TestServer): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`) === join(placed.folder, "data");
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Writes rows one after another until the server is gone; the acknowledged ones must be there for ever after. */
async function writeUntilGone(server: TestServer): Promise<{ acknowledged: () => number; end: Promise<void> }> {
  const client = await server.connect();
  await client.query("create table if not exists ledger (n int primary key)");
  let acknowledged = 0;
  const loop = async () => {
    for (;;) {
      await client.query("insert into ledger values ($1)", [acknowledged + 1]);
      acknowledged += 1;
    }
  };
  return { acknowledged: () => acknowledged, end: loop().catch(() => undefined) };
}

async function rows(server: TestServer): Promise<number> {
  const client = await server.connect();
  const { rows } = await client.query("select count(*)::int as n from ledger");
  return rows[0].n;
}

test.skipIf(process.platform !== "linux")(
  "a killed server is back by itself with every acknowledged row, though a backend of it worked on",
  async () => {
    await using server = await testServer();
    await server.start();
    await server.healthy();
    const writer = await writeUntilGone(server);
    const busy = await server.connect();
    const backend = (await busy.query("select pg_backend_pid() as pid")).rows[0].pid;
    // Never waits, so it does not notice by itself that its server is gone.
    void busy.query("do $$ begin loop end loop; end $$").catch(() => undefined);
    await until("rows were written", () => writer.acknowledged() > 100);
    const before = await server.pid();
    process.kill(before, "SIGKILL");
    await writer.end;
    await server.healthy();
    expect(await server.pid()).not.toBe(before);
    expect(processesOf(server)).not.toContain(backend);
    expect(await rows(server)).toBeGreaterThanOrEqual(writer.acknowledged());
  },
);

test.skipIf(process.platform !== "linux")(
  "power-off: everything killed at once, then all is there, though another program has the server's old pid",
  async () => {
    await using server = await testServer();
    await server.start();
    await server.healthy();
    const writer = await writeUntilGone(server);
    await until("rows were written", () => writer.acknowledged() > 100);
    await server.system.killAgent();
    for (const pid of processesOf(server)) process.kill(pid, "SIGKILL");
    await writer.end;

    const user = engineUser();
    const stranger = spawn("sleep", ["300"], user === undefined ? {} : { uid: user.uid, gid: user.gid });
    const lockFile = join(server.placed.folder, "data", "postmaster.pid");
    const [, ...rest] = readFileSync(lockFile, "utf8").split("\n");
    writeFileSync(lockFile, [stranger.pid, ...rest].join("\n"));
    await ensureAgent(server.system.folder);
    await server.healthy();
    expect(stranger.exitCode).toBeNull();
    stranger.kill();
    expect(await rows(server)).toBeGreaterThanOrEqual(writer.acknowledged());
  },
);

test("health tells a server that is starting up from one that is not there", async () => {
  await using server = await testServer();
  expect(await postgresEngine.health(server.placed)).toEqual({ healthy: false, says: "not running" });
  await server.start();
  await server.healthy();
  const client = await server.connect();
  await client.query("create table much as select n, repeat('x', 500) as text from generate_series(1, 60000) n");
  process.kill(await server.pid(), "SIGKILL");
  const seen = new Set<string>();
  for (let health = await postgresEngine.health(server.placed); ; health = await postgresEngine.health(server.placed)) {
    if (health.healthy) break;
    seen.add(health.says);
    await delay(5);
  }
  expect([...seen].join("; ")).toContain("starting up");
});

test("a server that cannot start says why", async () => {
  await using server = await testServer();
  writeFileSync(join(server.placed.folder, "pg_hba.conf"), "nonsense\n");
  await server.start();
  await until("health has the reason", async () => {
    const health = await postgresEngine.health(server.placed);
    return !health.healthy && health.says.includes("could not load");
  });
});
