import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { ensureAgent, localMachine } from "../machine/local/index.ts";
import { findControl } from "./address.ts";
import type { ControlClient, PlanEvents } from "./client.ts";
import { initDatabaseAhead } from "./database-ahead.ts";
import type { ControlEvent } from "./event.ts";
import { JournalCorrupt } from "./problem.ts";
import { restoreJournal } from "./restore.ts";
import { connect, ensureControl } from "./start.ts";
import { type ServiceFolder, serviceFolder } from "./testing/service-folder.ts";

const LONG = 300_000;

async function last(events: PlanEvents): Promise<ControlEvent | undefined> {
  let seen: ControlEvent | undefined;
  for await (const event of events) seen = event;
  return seen;
}

let service: ServiceFolder;
let control: ControlClient;

beforeAll(async () => {
  service = await serviceFolder();
  // Comments and order are the user's.
  writeFileSync(
    join(service.folder, "ninefold.topology.yaml"),
    `# mine\npublic: { port: ${service.port} }\napp:\n  servers: 1 # few\n`,
  );
  control = await ensureControl(service.folder);
  expect(await last(control.apply({ kind: "up" }))).toMatchObject({ kind: "finished" });
}, LONG);
afterAll(() => service[Symbol.asyncDispose](), LONG);

describe("a running deployment", () => {
  test(
    "says what runs and how it is",
    async () => {
      const status = await control.status();
      expect(status).toMatchObject({ state: "up", rung: 1, release: 1, service: "tested", problems: [] });
      expect(status.url).toBe(`http://localhost:${service.port}`);
      expect(status.instances.map(({ name, health }) => [name, health])).toEqual([
        ["dc1.control", "ready"],
        ["dc1.db.1", "ready"],
        ["dc1.app.1@1", "ready"],
        ["dc1.worker.1@1", "ready"],
      ]);
      expect(await service.version()).toBe(1);
    },
    LONG,
  );

  test(
    "has one control plane, whoever asks for it",
    async () => {
      const before = await findControl(service.folder);
      await Promise.all([ensureControl(service.folder), ensureControl(service.folder)]);
      expect(await findControl(service.folder)).toEqual(before);
    },
    LONG,
  );

  test(
    "an `up` again has nothing to do, and a topology above what is built is refused by its rung",
    async () => {
      expect((await control.plan({ kind: "up" })).steps).toEqual([]);
      const topology = { cache: {} };
      await expect(control.plan({ kind: "apply", topology })).rejects.toMatchObject({ code: "rung-not-built" });
      await expect(last(control.apply({ kind: "apply", topology: { ap: {} } }))).rejects.toThrow(/did you mean `app`/);
    },
    LONG,
  );

  test("says that nothing was restored, where there is no cluster to look in", async () => {
    await expect(control.dropRestored()).rejects.toThrow("nothing was restored");
  });

  test(
    "scaling keeps the user's file, with the new number in it",
    async () => {
      expect(await last(control.scale({ app: 2 }))).toMatchObject({ kind: "finished" });
      expect((await control.status()).instances.filter(({ role }) => role === "app")).toHaveLength(2);
      expect(readFileSync(join(service.folder, "ninefold.topology.yaml"), "utf8")).toContain("# mine\npublic:");
      expect(readFileSync(join(service.folder, "ninefold.topology.yaml"), "utf8")).toContain("servers: 2 # few");
      expect(await last(control.undo())).toMatchObject({ kind: "finished" });
      expect(readFileSync(join(service.folder, "ninefold.topology.yaml"), "utf8")).toContain("servers: 1 # few");
      expect((await control.status()).instances.filter(({ role }) => role === "app")).toHaveLength(1);
    },
    LONG,
  );

  test.each<[string, Parameters<ServiceFolder["write"]>[0], RegExp]>([
    ["crashes when it is loaded", { version: 9, extra: `throw new Error("boom at the top");` }, /boom at the top/],
    ["ends the process when it starts", { version: 9, http: "process.exit(7);" }, /ended 2 times.*exit 7/s],
    ["fails its readiness", { version: 9, http: `throw new Error("no configuration");` }, /no configuration/],
  ])(
    "new code that %s is not deployed, and the old code keeps serving",
    async (_, code, says) => {
      await service.write(code);
      const end = await last(control.deploy());
      await service.write({ version: 1 });
      expect(end).toMatchObject({ kind: "failed", undone: true });
      expect(end?.kind === "failed" ? end.problem.says : "").toMatch(says);
      expect(end?.kind === "failed" ? end.problem.fix : "").not.toBe("");
      expect(await service.version()).toBe(1);
      const { release, state, instances } = await control.status();
      expect({ release, state }).toEqual({ release: 1, state: "up" });
      expect(instances).toHaveLength(4);
    },
    LONG,
  );

  test(
    "new code that never gets ready is given up after its time, and the old code keeps serving",
    async () => {
      const topology = { public: { port: service.port }, app: { startMs: 10_000 } };
      expect(await last(control.apply({ kind: "apply", topology }))).toMatchObject({ kind: "finished" });
      await service.write({ version: 9, http: "await new Promise(() => {});" });
      const end = await last(control.deploy());
      expect(end).toMatchObject({ kind: "failed", undone: true, problem: { code: "instance-hangs" } });
      await service.write({ version: 9, extra: "for (;;) {}" });
      const second = await last(control.deploy());
      await service.write({ version: 1 });
      expect(second).toMatchObject({ kind: "failed", undone: true, problem: { code: "inspect-hangs" } });
      expect(await service.version()).toBe(1);
    },
    LONG,
  );

  test(
    "a migration that fails stops the deploy with its own words, and the old code keeps serving",
    async () => {
      await service.migration("002", `await db.schema.createTable("hits").addColumn("id", "integer").execute();`);
      const end = await last(control.deploy());
      expect(end).toMatchObject({ kind: "failed", undone: true, problem: { code: "migrate-failed" } });
      expect(end?.kind === "failed" ? `${end.problem.at} ${end.problem.says}` : "").toMatch(/already exists/);
      expect(await service.version()).toBe(1);
      await service.migration("002", `await db.schema.createTable("other").addColumn("id", "integer").execute();`);
      await service.write({ version: 2 });
      expect(await last(control.deploy())).toMatchObject({ kind: "finished" });
      expect(await service.version()).toBe(2);
    },
    LONG,
  );

  test(
    "undo of a deploy brings the old release back",
    async () => {
      expect(await last(control.undo())).toMatchObject({ kind: "finished" });
      expect(await service.version()).toBe(1);
    },
    LONG,
  );

  test(
    "an agent that is killed is replaced by the control plane, and nothing else ends",
    async () => {
      const before = (await control.status()).instances.map(({ pid }) => pid);
      const { pid } = await ensureAgent(service.folder);
      process.kill(pid, "SIGKILL");
      await expect
        .poll(
          () =>
            connect(service.folder)
              .then((one) => one?.status())
              .then((one) => one?.instances.map(({ pid }) => pid)),
          { timeout: 60_000 },
        )
        .toEqual(before);
      expect(await service.version()).toBe(1);
    },
    LONG,
  );

  test(
    "after a loss of power everything comes back with one command",
    async () => {
      const machine = localMachine(service.folder);
      const { pid } = await ensureAgent(service.folder);
      const others = (await machine.list()).flatMap((state) => state.pid ?? []);
      for (const victim of [pid, ...others]) process.kill(victim, "SIGKILL");
      control = await ensureControl(service.folder, { withinMs: 60_000 });
      expect(await last(control.apply({ kind: "up" }))).toMatchObject({ kind: "finished" });
      expect(await service.version()).toBe(1);
      expect((await control.status()).problems).toEqual([]);
    },
    LONG,
  );

  test(
    "a damaged journal is refused while the service goes on, and restored from what is kept",
    async () => {
      const pid = (await findControl(service.folder))?.pid ?? 0;
      const before = (await control.status()).instances
        .filter(({ role }) => role !== "control")
        .map(({ name, pid }) => [name, pid]);
      await localMachine(service.folder).stop("dc1.control" as never);
      expect(pid).toBeGreaterThan(0);
      const journal = join(service.folder, ".ninefold/journal.db");
      for (const file of [journal, `${journal}-wal`])
        if (existsSync(file)) writeFileSync(file, "damaged ".repeat(1_000));
      await expect(ensureControl(service.folder)).rejects.toThrow(JournalCorrupt);
      expect(await service.version()).toBe(1);
      const restored = await restoreJournal(service.folder);
      expect(existsSync(restored.damaged)).toBe(true);
      control = await ensureControl(service.folder);
      const status = await control.status();
      expect(status).toMatchObject({ state: "up" });
      expect((await control.plan({ kind: "up" })).steps).toEqual([]);
      const after = status.instances.filter(({ role }) => role !== "control").map(({ name, pid }) => [name, pid]);
      expect(after).toEqual(before);
    },
    LONG,
  );

  test(
    "at rest the control plane uses less than 1 % of a core and 150 MB",
    async () => {
      const usage = async () => (await control.status()).instances.find(({ role }) => role === "control");
      const before = await usage();
      await delay(10_000);
      const after = await usage();
      // A status is asked of it twice itself; a tick is 10 ms.
      expect((after?.cpuMs ?? 0) - (before?.cpuMs ?? 0)).toBeLessThan(100 + 100);
      expect(after?.memoryBytes).toBeLessThan(150_000_000);
    },
    LONG,
  );

  test(
    "down stops everything, and up comes back with the same data and release",
    async () => {
      const { release } = await control.status();
      expect(await last(control.down())).toMatchObject({ kind: "finished" });
      expect(await connect(service.folder)).toBeUndefined();
      await expect(service.version()).rejects.toThrow();
      control = await ensureControl(service.folder);
      const coming = control.apply({ kind: "up" })[Symbol.asyncIterator]();
      await coming.next();
      // It does not run yet, but saying so would only have it started once more.
      await expect(last(control.scale({ app: 2 }))).rejects.toMatchObject({ code: "plan-under-way" });
      expect(await last({ [Symbol.asyncIterator]: () => coming })).toMatchObject({ kind: "finished" });
      expect((await control.status()).release).toBe(release);
      expect(await service.version()).toBe(1);
    },
    LONG,
  );
});

test(
  "a port in use is refused before anything is changed",
  async () => {
    await using other = await serviceFolder();
    await using _holder = await new Promise<ReturnType<typeof createServer>>((resolve) => {
      const server = createServer().listen(other.port, "127.0.0.1", () => resolve(server));
    });
    const client = await ensureControl(other.folder);
    const end = await last(client.apply({ kind: "up", port: other.port }));
    expect(end).toMatchObject({ kind: "failed", undone: true, problem: { code: "port-in-use" } });
    expect(existsSync(join(other.folder, ".ninefold/releases/1"))).toBe(false);
    expect(existsSync(join(other.folder, ".ninefold/secrets"))).toBe(false);
    expect((await client.status()).instances.map(({ name }) => name)).toEqual(["dc1.control"]);
  },
  LONG,
);

test(
  "a first start's database is made while the control plane loads, once",
  async () => {
    await using other = await serviceFolder();
    const change = { kind: "up", port: other.port } as const;
    const started = () => {
      const ahead = vi.fn((folder: string) => void initDatabaseAhead(folder, change));
      return { ahead, client: ensureControl(other.folder, { first: ahead }) };
    };
    const first = started();
    expect(await last((await first.client).apply(change))).toMatchObject({ kind: "finished" });
    expect(first.ahead).toHaveBeenCalledOnce();
    const log = await readFile(join(other.folder, ".ninefold/instances/dc1.db.1/log"), "utf8");
    expect(log.match(/creating subdirectories/g)).toHaveLength(1);
    await last((await first.client).down());
    const second = started();
    expect(await last((await second.client).apply(change))).toMatchObject({ kind: "finished" });
    expect(second.ahead).not.toHaveBeenCalled();
  },
  LONG,
);

test("no database is made ahead where the port is taken, nor where it does not come from npm", async () => {
  await using other = await serviceFolder();
  const nothingMade = () => expect(existsSync(join(other.folder, ".ninefold/secrets"))).toBe(false);
  await initDatabaseAhead(other.folder, { kind: "up", port: other.port, rung: 2 });
  nothingMade();
  await using _holder = createServer().listen(other.port, "127.0.0.1");
  await initDatabaseAhead(other.folder, { kind: "up", port: other.port });
  nothingMade();
});

test(
  "a first start that cannot be is told with its cause and leaves nothing running, and the corrected one starts",
  async () => {
    await using other = await serviceFolder();
    const topology = { public: { port: other.port }, app: { startMs: 10_000 } };
    const begun = async () => {
      const client = await ensureControl(other.folder);
      const end = await last(client.apply({ kind: "apply", topology }));
      const { instances } = await client.status();
      return {
        problem: end?.kind === "failed" ? end.problem.code : end?.kind,
        runs: instances.map(({ name }) => name),
      };
    };
    await other.write({ version: 1, extra: "throw new Error('not so');" });
    expect(await begun()).toEqual({ problem: "inspect-failed", runs: ["dc1.control"] });
    await other.write({ version: 1, extra: "for (;;) {}" });
    expect(await begun()).toEqual({ problem: "inspect-hangs", runs: ["dc1.control"] });
    await other.write({ version: 1 });
    await other.migration("002", `throw new Error("no");`);
    expect(await begun()).toEqual({ problem: "migrate-failed", runs: ["dc1.control"] });
    await other.migration("002", "");
    expect(await begun()).toMatchObject({ problem: "finished" });
    expect(await other.version()).toBe(1);
  },
  LONG,
);

test(
  "removed data is gone",
  async () => {
    await using other = await serviceFolder();
    const client = await ensureControl(other.folder);
    expect(await last(client.apply({ kind: "up", port: other.port }))).toMatchObject({ kind: "finished" });
    expect(await last(client.down({ destroy: true }))).toMatchObject({ kind: "finished" });
    for (const name of ["releases", "secrets", "topologies", "endpoints.json", "instances/dc1.db.1"]) {
      expect(existsSync(join(other.folder, ".ninefold", name)), name).toBe(false);
    }
  },
  LONG,
);
