import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { get } from "node:https";
import { join } from "node:path";
import { expect, test } from "vitest";
import { contractClient } from "../support/contract-client.ts";
import { type System, startSystem } from "../support/system.ts";
import { expectKept } from "../support/verdict.ts";

/** Instances by name, without the control plane. */
async function running(system: System): Promise<string[]> {
  const { instances, problems } = await system.status();
  expect(problems).toEqual([]);
  return instances
    .map(({ name }) => name)
    .filter((name) => name !== "dc1.control")
    .sort();
}

/** Runs changes one after another under the check's traffic and a client of the specification; every promise must be kept. */
async function underTraffic(system: System, changes: readonly (readonly string[])[]): Promise<void> {
  await using traffic = await system.check();
  using client = contractClient(`${system.url}/api`);
  for (const change of changes) await system.succeed(...change);
  await client.finish();
  expectKept(await traffic.finish({ after: 2_000 }));
}

test("from rung 1 to 3 and back under traffic: nothing fails, nothing is lost, repeated or stale", async () => {
  await using system = await startSystem();
  const under = (...changes: readonly (readonly string[])[]) => underTraffic(system, changes);

  // The database moves to a cluster of its own; the one before follows.
  await under(["climb"]);
  expect(await running(system)).toEqual(["dc1.app.1@1", "dc1.db-2.1", "dc1.db.1", "dc1.etcd.1", "dc1.worker.1@1"]);
  expect(await system.status()).toMatchObject({ rung: 2, copy: "dc1.db.1" });

  // The public socket passes to the balancer, and the servers stand behind it.
  await under(["climb"]);
  const { rung, instances } = await system.status();
  expect(rung).toBe(3);
  expect(instances.find(({ role }) => role === "balancer")?.details).toMatchObject({ serversUp: 2 });

  await under(["scale", "app=4"], ["deploy"], ["scale", "app=2"]);
  expect((await running(system)).filter((name) => name.includes(".app."))).toEqual(["dc1.app.1@3", "dc1.app.2@3"]);

  // Every write made since comes back, and no way needs another copy.
  await under(["descend", "--to", "1"], ["climb", "--to", "3"], ["descend"], ["descend"]);
  expect((await system.status()).rung).toBe(1);

  await under(["finish"]);
  expect((await running(system)).map((name) => name.replace(/@.*/, ""))).toEqual([
    "dc1.app.1",
    "dc1.app.2",
    "dc1.db.1",
    "dc1.worker.1",
  ]);
  expect(existsSync(join(system.folder, ".ninefold", "instances", "dc1.db-2.1"))).toBe(false);
  expect((await system.status()).copy).toBeUndefined();
}, 900_000);

test("what the user's file says is applied, and an earlier version is gone back to", async () => {
  await using system = await startSystem();
  const file = join(system.folder, "ninefold.topology.yaml");
  const text = (workers: number) =>
    `version: 1 # ours\npublic:\n  port: ${system.port}\nworkers:\n  servers: ${workers}\n`;
  writeFileSync(file, text(2));
  await system.succeed("apply");
  expect((await running(system)).filter((name) => name.includes(".worker."))).toHaveLength(2);
  await system.succeed("scale", "workers=1");
  expect(readFileSync(file, "utf8")).toBe(text(1));

  const versions = JSON.parse((await system.succeed("topologies", "--json")).stdout) as { version: number }[];
  await system.succeed("apply", "--to", String(versions[1]?.version));
  expect((await running(system)).filter((name) => name.includes(".worker."))).toHaveLength(2);
  const refused = await system.ninefold("apply", "--to", "9999");
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(/version 9999.*\n.*ninefold topologies/);
});

test("up at rung 3 from nothing answers HTTPS, by an authority that the deployment made", async () => {
  await using system = await startSystem({ rung: 3, tls: true });
  const ca = readFileSync(join(system.folder, ".ninefold", "secrets", "tls", "authority.pem"));
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    get(`${system.url}/api/tags`, { ca }, (response) => resolve(response.resume())).on("error", reject);
  });
  expect(answer.statusCode).toBe(200);
  expect(answer.headers["x-content-type-options"]).toBe("nosniff");
  expect((await system.status()).url).toBe(`https://localhost:${system.port}`);
});
