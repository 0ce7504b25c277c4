import { afterAll, beforeAll, expect, test } from "vitest";
import { agentPid, processesUnder } from "../support/processes.ts";
import { type System, startSystem } from "../support/system.ts";
import { until } from "../support/until.ts";
import { expectKept } from "../support/verdict.ts";

let system: System;

beforeAll(async () => {
  system = await startSystem({ app: 2 });
});

afterAll(() => system?.[Symbol.asyncDispose]());

const healthy = async () => {
  const { state, instances, problems } = await system.status();
  return state === "up" && problems.length === 0 && instances.every(({ health }) => health === "ready");
};

test.each(["dc1.app.1", "dc1.db.1", "dc1.worker.1"])(
  "SIGKILL of %s loses no acknowledged write, repeats none, and it comes back by itself",
  async (name) => {
    await using traffic = await system.check({ allowFailures: true });
    const before = await system.pid(name);
    process.kill(before, "SIGKILL");
    await until(`${name} is back`, async () => (await healthy()) && (await system.pid(name)) !== before, 30_000);
    const report = await traffic.finish({ after: 3_000 });
    expectKept(report, { failures: true });
  },
);

test("SIGKILL of the agent fails no request; a new one adopts the instances and replaces them without closing the port", async () => {
  await using traffic = await system.check();
  const before = await system.status();
  const killed = agentPid(system.folder);
  process.kill(killed, "SIGKILL");
  await until("a new agent", async () => agentPid(system.folder) !== killed, 15_000);
  await until("all is well", healthy, 15_000);
  const after = await system.status();
  expect(after.instances.map(({ name, pid }) => [name, pid])).toEqual(
    before.instances.map(({ name, pid }) => [name, pid]),
  );
  await system.succeed("deploy");
  expectKept(await traffic.finish({ after: 2_000 }));
});

test("with the control plane dead the service keeps serving, and the control plane comes back", async () => {
  await using traffic = await system.check();
  const before = await system.pid("dc1.control");
  process.kill(before, "SIGKILL");
  await until(
    "a new control plane",
    async () => (await system.pid("dc1.control").catch(() => before)) !== before,
    15_000,
  );
  expectKept(await traffic.finish({ after: 2_000 }));
});

test("after a power cut of everything at once, `up` brings back every acknowledged write", async () => {
  await using traffic = await system.check({ allowFailures: true });
  await traffic.report();
  await until("nothing runs", async () => killAll(system.folder) === 0, 10_000);
  await system.succeed("up", "-d", "--port", String(system.port), "--host", "127.0.0.1");
  await until("all is well", healthy, 30_000);
  expectKept(await traffic.finish({ after: 3_000 }), { failures: true });
});

/** Kills what runs and gives how many that were: one that was started between the list and the kills is for the next time. */
function killAll(folder: string): number {
  const running = processesUnder(folder);
  for (const { pid } of running) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {}
  }
  return running.length;
}
