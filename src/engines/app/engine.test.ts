import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { InstanceConfig } from "../../topology/instance-config.ts";
import { InstanceName } from "../../topology/names.ts";
import type { Placed } from "../engine.ts";
import { appEngine } from "./engine.ts";
import type { AppSpec } from "./spec.ts";

const folder = mkdtempSync(join(tmpdir(), "ninefold-app-"));
afterAll(() => rmSync(folder, { recursive: true }));

const spec: AppSpec = {
  role: "app",
  datacenter: "dc1",
  service: join(folder, "releases/1/service.ts"),
  folder,
  endpoints: join(folder, "endpoints.json"),
  secrets: join(folder, "secrets.json"),
  listen: { socket: "public" },
  env: { SECRET_OF_THE_USER: "hunter2" },
  database: { connections: 5, holdMs: 1_000 },
  http: {
    maxInFlight: 10,
    maxBodyBytes: 1_000,
    headersTimeoutMs: 1_000,
    requestTimeoutMs: 1_000,
    keepAliveMs: 5_000,
    trustedProxies: [],
  },
  jobs: { concurrency: 1 },
  drainMs: 10_000,
  logLevel: "info",
};
const placed: Placed<AppSpec> = { name: InstanceName.parse("dc1.app.1@3"), spec, folder, sockets: folder };

test("renders a complete configuration that the runtime accepts, the same bytes each time, without the environment", () => {
  const text = appEngine.render(placed).get("instance.json");
  const config = InstanceConfig.parse(JSON.parse(text!));
  expect(config).toMatchObject({ instance: "dc1.app.1@3", role: "app", listen: { fd: 3 } });
  expect(appEngine.render(placed)).toEqual(appEngine.render({ ...placed, spec: { ...spec } }));
  expect(text).not.toContain("hunter2");
});

test("an app inherits the public socket, a worker none; both get time to drain before they are killed", () => {
  const { listen: _, ...rest } = spec;
  const worker = { ...placed, spec: { ...rest, role: "worker" as const } };
  expect(appEngine.command(placed)).toMatchObject({ socket: "public", stop: { signal: "SIGTERM" }, user: "self" });
  expect(appEngine.command(worker).socket).toBeUndefined();
  expect(appEngine.command(placed).stop.withinMs).toBeGreaterThan(spec.drainMs);
});

test("the command runs a file that exists, and holds no secret", () => {
  const { args } = appEngine.command(placed);
  expect(args.filter((argument) => argument.includes("/runtime/")).every((path) => existsSync(path))).toBe(true);
  expect(args.join(" ")).not.toContain("hunter2");
});

test("an instance that is not there is not healthy, and is not changed but restarted when its settings differ", async () => {
  expect(await appEngine.health(placed)).toEqual({ healthy: false, says: "not running, or not yet listening" });
  expect(await appEngine.change(placed, { ...spec, drainMs: 1 })).toBe("restart");
  expect(await appEngine.change(placed, { ...spec, env: {} })).toBe("restart");
});
