import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { agentPid } from "../support/processes.ts";
import { type System, startSystem } from "../support/system.ts";
import { until } from "../support/until.ts";
import { expectKept } from "../support/verdict.ts";

let system: System;

beforeAll(async () => {
  system = await startSystem({ rung: 3 });
});

afterAll(() => system?.[Symbol.asyncDispose]());

const healthy = async () => {
  const { state, instances, problems } = await system.status();
  return state === "up" && problems.length === 0 && instances.every(({ health }) => health === "ready");
};

/** Kills an instance and waits until another process has taken its place and all is well. */
async function kill(name: string): Promise<void> {
  const before = await system.pid(name);
  process.kill(before, "SIGKILL");
  await until(`${name} is back`, async () => (await healthy()) && (await system.pid(name)) !== before, 30_000);
}

test("SIGKILL of an app server: what may be sent again is, so that no read fails; nothing is lost", async () => {
  await using traffic = await system.check({ allowFailures: true });
  await traffic.report();
  await kill("dc1.app.1");
  const report = await traffic.finish({ after: 3_000 });
  expectKept(report, { failures: true });
  expect(report.kinds.read.requests - report.kinds.read.ok).toBe(0);
});

test("SIGKILL of HAProxy: it is back within a second on the same socket; nothing is lost", async () => {
  await using traffic = await system.check({ allowFailures: true });
  await traffic.report();
  await kill("dc1.balancer.1");
  const report = await traffic.finish({ after: 3_000 });
  expectKept(report, { failures: true });
});

test("SIGKILL of PostgreSQL: Patroni starts it again, and statements wait for it", async () => {
  await using traffic = await system.check({ allowFailures: true });
  await traffic.report();
  const pidFile = join(system.folder, ".ninefold", "instances", "dc1.db.1", "data", "postmaster.pid");
  const postmaster = () => Number(readFileSync(pidFile, "utf8").split("\n")[0]);
  const before = postmaster();
  process.kill(before, "SIGKILL");
  await until("PostgreSQL is back", async () => postmaster() !== before && (await healthy()), 30_000);
  const report = await traffic.finish({ after: 3_000 });
  expectKept(report, { failures: true });
  expect(report.kinds.read.requests - report.kinds.read.ok).toBe(0);
});

test("SIGKILL of Patroni leaves PostgreSQL serving; a new Patroni takes it over", async () => {
  await using traffic = await system.check();
  await traffic.report();
  await kill("dc1.db.1");
  expectKept(await traffic.finish({ after: 3_000 }));
});

test("with the control plane dead the balancer, its servers and the database go on", async () => {
  await using traffic = await system.check();
  await kill("dc1.control");
  expectKept(await traffic.finish({ after: 2_000 }));
});

test("SIGKILL of the agent fails no request; the servers pass the public socket on to the next one", async () => {
  await using traffic = await system.check();
  const killed = agentPid(system.folder);
  process.kill(killed, "SIGKILL");
  await until("a new agent", async () => agentPid(system.folder) !== killed && (await healthy()), 30_000);
  await system.succeed("deploy");
  expectKept(await traffic.finish({ after: 2_000 }));
});
