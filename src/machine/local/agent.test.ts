import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { InstanceName } from "../../topology/names.ts";
import type { Command } from "../machine.ts";
import { ensureAgent, findAgent } from "./ensure.ts";
import { identify } from "./identity.ts";
import { layoutOf, removeOutside } from "./layout.ts";
import { PortInUse } from "./problem.ts";
import { readRecords, readSockets, writeRecord } from "./record.ts";
import { type TestMachine, testMachine, traffic, until } from "./testing.ts";

const sleeper = (cwd: string, args = ["300"]): Command => ({
  file: "sleep",
  args,
  env: {},
  cwd,
  user: "self",
  stop: { signal: "SIGTERM", withinMs: 2_000 },
});
const worker = InstanceName.parse("dc1.worker.1");

async function openPort(system: TestMachine): Promise<number> {
  await system.machine.openSocket({ name: "public", host: "127.0.0.1", port: 0 });
  return readSockets(system.agentFolder).public!.port;
}

const pidOf = async ({ machine }: TestMachine, name = worker) =>
  (await machine.list()).find((instance) => instance.name === name)?.pid;

const alive = (pid: number | undefined) => pid !== undefined && identify(pid) !== undefined;

const agentsOf = (folder: string) =>
  execFileSync("ps", ["-A", "-o", "args="], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes("agent.ts") && line.endsWith(folder));

test("an instance that is killed is running again at once, as often as it takes", async () => {
  await using system = await testMachine();
  await system.machine.start(worker, sleeper(system.folder));
  for (let kills = 1; kills <= 3; kills += 1) {
    const before = await pidOf(system);
    process.kill(before!, "SIGKILL");
    await until("it runs again", async () => ![before, undefined].includes(await pidOf(system)));
  }
  expect((await system.machine.list())[0]).toMatchObject({ state: "running", restarts: 3, lastEnd: "SIGKILL" });
});

test("starting what runs does nothing; starting another command in its place replaces it", async () => {
  await using system = await testMachine();
  await system.machine.start(worker, sleeper(system.folder));
  const before = await pidOf(system);
  await system.machine.start(worker, sleeper(system.folder));
  expect(await pidOf(system)).toBe(before);
  await system.machine.start(worker, sleeper(system.folder, ["301"]));
  expect(await pidOf(system)).not.toBe(before);
  expect(alive(before)).toBe(false);
});

test("an instance that will not end is killed, with everything it started", async () => {
  await using system = await testMachine();
  const script = `trap "" TERM; setsid sleep 300 & sleep 301 & echo $! > pids; echo ready; wait; wait; wait`;
  const stop = { signal: "SIGTERM", withinMs: 300 } as const;
  await system.machine.start(worker, { ...sleeper(system.folder), file: "sh", args: ["-c", script], stop });
  const log = system.machine.log(worker);
  await until("it is ready", () => existsSync(log) && readFileSync(log, "utf8").includes("ready"));
  const pid = (await pidOf(system))!;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);
  expect(children).toHaveLength(2);
  await system.machine.stop(worker);
  expect(alive(pid)).toBe(false);
  await until("its children are gone", () => !children.some(alive));
  expect(await system.machine.list()).toEqual([]);
});

test("a killed agent costs no request, and its successor adopts what runs", async () => {
  await using system = await testMachine();
  const port = await openPort(system);
  const app = await system.tinyService("dc1.app.1@1");
  await system.machine.start(app.name, app.command);
  await system.machine.start(worker, sleeper(system.folder));
  const pids = [await pidOf(system, app.name), await pidOf(system)];
  const load = traffic(port);
  await until("traffic flows", () => load.soFar.ok > 50);
  for (let round = 1; round <= 3; round += 1) {
    const killed = await system.killAgent();
    const found = await ensureAgent(system.folder);
    expect(found).toMatchObject({ started: true });
    expect(found.pid).not.toBe(killed);
    const before = load.soFar.ok;
    await until("traffic still flows", () => load.soFar.ok > before + 50);
  }
  expect([await pidOf(system, app.name), await pidOf(system)]).toEqual(pids);
  const report = await load.finish();
  expect(report.failures).toEqual([]);
});

test("an instance that is asked for while no agent runs comes with the agent, once", async () => {
  await using system = await testMachine();
  await system.killAgent();
  await system.machine.start(worker, sleeper(system.folder));
  const pid = await pidOf(system);
  expect(pid).toBeDefined();
  await system.machine.start(worker, sleeper(system.folder));
  expect(await pidOf(system)).toBe(pid);
  expect(await system.machine.list()).toMatchObject([{ name: worker, restarts: 0, state: "running" }]);
});

test("an agent that breaks off a question, as one that was killed just then, counts as gone", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ninefold-broken-"));
  const layout = layoutOf(folder);
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((listening) => server.listen(layout.agentSocket, listening));
  try {
    // Before or after it was read: each is met in some of so many tries.
    for (let tries = 0; tries < 200; tries += 1) expect(await findAgent(layout)).toBeUndefined();
  } finally {
    server.close();
    removeOutside(folder);
    rmSync(folder, { recursive: true });
  }
});

test("the accept queue outlives the agent that opened it and every instance that served from it", async () => {
  await using system = await testMachine();
  const port = await openPort(system);
  const first = await system.tinyService("dc1.app.1@1");
  await system.machine.start(first.name, first.command);
  const load = traffic(port);
  await until("traffic flows", () => load.soFar.ok > 50);
  await system.killAgent();
  await ensureAgent(system.folder);
  // Between the two nobody accepts: the connections wait in the socket that only the new agent holds.
  await system.machine.stop(first.name);
  const second = await system.tinyService("dc1.app.1@2");
  await system.machine.start(second.name, second.command);
  const before = load.soFar.ok;
  await until("traffic flows again", () => load.soFar.ok > before + 50);
  const report = await load.finish();
  expect(report.failures).toEqual([]);
  expect([...report.texts.keys()]).toEqual(["dc1.app.1@1", "dc1.app.1@2"]);
});

test("an instance that dies after its agent did is started by the next agent, and watched though it is no child", async () => {
  await using system = await testMachine();
  await system.machine.start(worker, sleeper(system.folder));
  const adopted = (await pidOf(system))!;
  await system.killAgent();
  await ensureAgent(system.folder);
  expect(await pidOf(system)).toBe(adopted);
  process.kill(adopted, "SIGKILL");
  await until("it runs again", async () => ![adopted, undefined].includes(await pidOf(system)));

  const orphan = (await pidOf(system))!;
  await system.killAgent();
  process.kill(orphan, "SIGKILL");
  await ensureAgent(system.folder);
  expect([orphan, undefined]).not.toContain(await pidOf(system));
  expect((await system.machine.list())[0]).toMatchObject({ restarts: 2, lastEnd: "ended while no agent ran" });
});

test("a record whose pid now belongs to another program is not mistaken for the instance", async () => {
  await using system = await testMachine();
  await system.machine.start(worker, sleeper(system.folder));
  const real = (await pidOf(system))!;
  await system.killAgent();
  process.kill(real, "SIGKILL");
  const [record] = readRecords(system.agentFolder);
  writeRecord(system.agentFolder, { ...record!, process: { ...record!.process!, pid: process.pid } });
  await ensureAgent(system.folder);
  const now = await pidOf(system);
  expect([process.pid, undefined]).not.toContain(now);
  await system.machine.stop(worker);
  expect(alive(now)).toBe(false); // and this process still lives to say so
});

test("everything killed at once comes back in order, on the same port", async () => {
  await using system = await testMachine();
  const port = await openPort(system);
  const app = await system.tinyService("dc1.app.1@1");
  await system.machine.start(worker, sleeper(system.folder));
  await system.machine.start(app.name, app.command);
  const pids = (await system.machine.list()).map(({ pid }) => pid!);
  await system.killAgent();
  for (const pid of pids) process.kill(pid, "SIGKILL");
  await ensureAgent(system.folder);
  const load = traffic(port, { clients: 1 });
  await until("the service answers", () => load.soFar.ok > 0);
  await load.finish();
  const names = (await system.machine.list()).map(({ name, state }) => `${name} ${state}`);
  expect(names).toEqual(["dc1.worker.1 running", "dc1.app.1@1 running"]);
});

test("a stop that the agent did not live to finish is finished by the next one", async () => {
  await using system = await testMachine();
  const deaf = ["-c", 'trap "" TERM; echo ready; while :; do sleep 1; done'];
  const stop = { signal: "SIGTERM", withinMs: 1_000 } as const;
  await system.machine.start(worker, { ...sleeper(system.folder), file: "sh", args: deaf, stop });
  await until("it is ready", () => readFileSync(system.machine.log(worker), "utf8").includes("ready"));
  const pid = await pidOf(system);
  const stopping = system.machine.stop(worker).catch((cause: Error) => cause);
  await until("the stop is on record", () => readRecords(system.agentFolder)[0]?.wanted === "ended");
  await system.killAgent();
  expect(await stopping).toBeInstanceOf(Error);
  await ensureAgent(system.folder);
  await until("it is gone", async () => (await system.machine.list()).length === 0);
  expect(alive(pid)).toBe(false);
});

test("a shutdown leaves no process, no socket and no record", async () => {
  await using system = await testMachine();
  const port = await openPort(system);
  const app = await system.tinyService("dc1.app.1@1");
  await system.machine.start(worker, sleeper(system.folder));
  await system.machine.start(app.name, app.command);
  const pids = (await system.machine.list()).map(({ pid }) => pid);
  const { pid: agent } = await ensureAgent(system.folder);
  await system.machine.shutdown();
  expect([...pids, agent].filter(alive)).toEqual([]);
  expect(readRecords(system.agentFolder)).toEqual([]);
  expect(existsSync(system.machine.sockets(worker))).toBe(false);
  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  server.close();
});

test("what is to be started during a shutdown is refused, and not left behind", async () => {
  await using system = await testMachine();
  const stubborn = { ...sleeper(system.folder), file: "sh", args: ["-c", "trap '' TERM; sleep 300"] };
  await system.machine.start(worker, stubborn);
  const shutdown = system.machine.shutdown();
  await until("it stops", () => readRecords(system.agentFolder)[0]?.wanted === "ended");
  const names = [worker, InstanceName.parse("dc1.worker.2")];
  const starts = await Promise.allSettled(
    names.map((name) => system.machine.start(name, sleeper(system.folder, ["301"]))),
  );
  for (const start of starts) expect(start).toMatchObject({ status: "rejected", reason: { code: "agent-failed" } });
  await shutdown;
  expect(readRecords(system.agentFolder)).toEqual([]);
  expect(execFileSync("ps", ["-A", "-o", "args="], { encoding: "utf8" })).not.toContain("sleep 301");
});

test("two that want an agent at the same time get the same one", async () => {
  await using system = await testMachine();
  await system.killAgent();
  const found = await Promise.all([ensureAgent(system.folder), ensureAgent(system.folder), ensureAgent(system.folder)]);
  expect(new Set(found.map(({ pid }) => pid)).size).toBe(1);
  await until("no other one stays", () => agentsOf(system.folder).length === 1);
});

test("an agent that comes up after the shutdown does not stay, and makes nothing", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ninefold-late-"));
  const main = fileURLToPath(new URL("./agent.ts", import.meta.url));
  const late = spawn(process.execPath, ["--conditions=ninefold-source", main, folder], { stdio: "ignore" });
  const [code] = await once(late, "exit");
  expect(code).toBe(0);
  expect(readdirSync(folder)).toEqual([]);
  rmSync(folder, { recursive: true });
});

test("a port in use is refused with its holder, and nothing else changes", async () => {
  await using system = await testMachine();
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as { port: number };
  const refused = await system.machine.openSocket({ name: "public", host: "127.0.0.1", port }).catch((cause) => cause);
  other.close();
  expect(refused).toBeInstanceOf(PortInUse);
  expect(refused.message).toContain(`port ${port}`);
  expect(refused.message).toContain(`(process ${process.pid})`);
  expect(readSockets(system.agentFolder)).toEqual({});
});

test("a one-shot command gives its output and code, and is killed when it takes too long", async () => {
  await using system = await testMachine();
  const shell = (text: string) => ({ ...sleeper(system.folder), file: "sh", args: ["-c", text] });
  const answer = await system.machine.run(worker, shell("echo out; echo err >&2; exit 7"), { ms: 5_000 });
  expect(answer).toEqual({ code: 7, stdout: "out\n", stderr: "err\n" });
  const late = system.machine.run(worker, shell("echo $$; sleep 300"), { ms: 300 });
  await expect(late).rejects.toThrow(/longer than 300 ms/);
  const pid = Number(readFileSync(system.machine.log(worker), "utf8").trim().split("\n").at(-1));
  expect(alive(pid)).toBe(false);
});

test("a one-shot command is killed when its caller gives up, whose reason comes back", async () => {
  await using system = await testMachine();
  const command = { ...sleeper(system.folder), file: "sh", args: ["-c", "echo $$; sleep 300"] };
  const givenUp = new AbortController();
  const run = system.machine.run(worker, command, { ms: 60_000, signal: givenUp.signal });
  run.catch(() => undefined); // looked at below
  const log = () => readFileSync(system.machine.log(worker), "utf8").trim();
  await until("it runs", () => existsSync(system.machine.log(worker)) && /^\d+$/.test(log()));
  givenUp.abort(new Error("no longer wanted"));
  await expect(run).rejects.toThrow("no longer wanted");
  await until("it is gone", () => !alive(Number(log())));
});

test("files and logs can be read by their owner only", async () => {
  await using system = await testMachine();
  await system.machine.write(worker, new Map([["deep/secret", "text"]]), "self");
  await system.machine.start(worker, sleeper(system.folder));
  const modes = [
    system.machine.folder(worker),
    join(system.machine.folder(worker), "deep/secret"),
    system.machine.log(worker),
    system.machine.sockets(worker),
    system.agentFolder,
  ].map((path) => (statSync(path).mode & 0o777).toString(8));
  expect(modes).toEqual(["700", "600", "600", "700", "700"]);
  await expect(system.machine.write(worker, new Map([["../out", ""]]), "self")).rejects.toThrow(/outside/);
});

test("instances that hang cannot hand their socket on; they are replaced, and the port serves again", async () => {
  await using system = await testMachine();
  const port = await openPort(system);
  const app = await system.tinyService("dc1.app.1@1");
  await system.machine.start(app.name, app.command);
  const hung = (await pidOf(system, app.name))!;
  await until("it serves", () => readFileSync(system.machine.log(app.name), "utf8").includes("listening"));
  await system.killAgent();
  process.kill(hung, "SIGSTOP");
  await ensureAgent(system.folder, { withinMs: 50_000 });
  expect(alive(hung)).toBe(false);
  const load = traffic(port, { clients: 1 });
  await until("the port serves again", () => load.soFar.ok > 0);
  expect((await load.finish()).failures).toEqual([]);
});

test("an instance that keeps ending is started again ever more slowly, and says how it ended", async () => {
  await using system = await testMachine();
  await system.machine.start(worker, { ...sleeper(system.folder), file: "sh", args: ["-c", "date +%s%N; exit 3"] });
  await until("it was started 5 times", async () => ((await system.machine.list())[0]?.restarts ?? 0) >= 5);
  expect((await system.machine.list())[0]).toMatchObject({ lastEnd: "exit 3" });
  const times = readFileSync(system.machine.log(worker), "utf8")
    .trim()
    .split("\n")
    .map((line) => Number(line) / 1e6);
  expect(times[3]! - times[2]!).toBeGreaterThan(190);
  expect(times[4]! - times[3]!).toBeGreaterThan(390);
});
