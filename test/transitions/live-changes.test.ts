import { readFileSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startSystem } from "../support/system.ts";
import { expectKept } from "../support/verdict.ts";

test("scaling from 1 to 4 app instances and back fails, loses, repeats and stales nothing", async () => {
  await using system = await startSystem();
  await using traffic = await system.check();
  for (const app of [2, 4, 3, 1]) await system.succeed("scale", `app=${app}`);
  const report = await traffic.finish({ after: 2_000 });
  expectKept(report);
  expect(report.requests).toBeGreaterThan(1_000);
  const { instances } = await system.status();
  expect(instances.filter(({ role }) => role === "app")).toHaveLength(1);
});

test("a deploy of changed code fails, loses, repeats and stales nothing, and the new code serves", async () => {
  await using system = await startSystem({ app: 2 });
  await using traffic = await system.check();
  edit(join(system.folder, "service.ts"), (text) => `${text}\n// changed\n`);
  await system.succeed("deploy");
  await system.succeed("deploy");
  expectKept(await traffic.finish({ after: 2_000 }));
  const { instances, release } = await system.status();
  expect(release).toBe(3);
  expect(instances.filter(({ role }) => role === "app" || role === "worker").map((i) => i.release)).toEqual([3, 3, 3]);
});

test("an open connection and a slow download outlive the deploy of the instance that they are on", async () => {
  await using system = await startSystem({
    prepare: (folder) => writeFileSync(join(folder, "public", "large.bin"), Buffer.alloc(16_000_000, "ninefold")),
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  expect(await status(`${system.url}/api/tags`, agent)).toBe(200);
  const download = slowDownload(`${system.url}/large.bin`);
  await system.succeed("deploy");
  expect(await status(`${system.url}/api/tags`, agent)).toBe(200);
  const { received, promised } = await download;
  expect(received).toBe(promised);
  agent.destroy();
});

function edit(path: string, change: (text: string) => string): void {
  writeFileSync(path, change(readFileSync(path, "utf8")));
}

function status(url: string, agent: Agent): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => response.resume().on("end", () => resolve(response.statusCode))).on(
      "error",
      reject,
    );
  });
}

/** A client that takes about 1.5 MB a second, so that what it asked for is long under way when the deploy begins and ends. */
async function slowDownload(url: string): Promise<{ received: number; promised: number }> {
  return new Promise((resolve, reject) => {
    get(url, (response) => {
      const promised = Number(response.headers["content-length"]);
      let received = 0;
      response.on("data", (chunk: Buffer) => {
        received += chunk.length;
        response.pause();
        setTimeout(() => response.resume(), 40);
      });
      response.on("end", () => resolve({ received, promised }));
      response.on("error", reject);
    }).on("error", reject);
  });
}
