/** Runs Conduit through Ninefold's runtime on a given PostgreSQL, without agent or control plane: what serves at rung 1. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { TestPostgres } from "../src/engines/postgres/testing.ts";
import type { Endpoints } from "../src/topology/endpoints.ts";
import type { InstanceConfig, InstanceSecrets } from "../src/topology/instance-config.ts";

export const CONDUIT = fileURLToPath(new URL("../examples/conduit", import.meta.url));
const MAIN = fileURLToPath(new URL("../src/runtime/main.ts", import.meta.url));
const FLAGS = ["--conditions=ninefold-source"];

export interface ConduitService extends AsyncDisposable {
  readonly url: string;
  readonly app: ChildProcess;
}

export interface ConduitOptions {
  readonly postgres: TestPostgres;
  /** Port on 127.0.0.1. */
  readonly port: number;
  readonly connections?: number;
  /** Whether jobs run. */
  readonly worker?: boolean;
}

/** Migrates, starts, and waits for the first 200. The processes end when it is disposed. */
export async function startConduit({
  postgres,
  port,
  connections = 10,
  worker = true,
}: ConduitOptions): Promise<ConduitService> {
  const folder = await mkdtemp(join(tmpdir(), "ninefold-bench-"));
  const endpoints: Endpoints = {
    version: 1,
    epoch: 1,
    deployment: "bench",
    clusters: {
      main: {
        primary: { host: postgres.socketFolder, port: postgres.port, database: postgres.database },
        standbys: [],
      },
    },
  };
  await writeFile(join(folder, "endpoints.json"), JSON.stringify(endpoints));
  const keys = { sessionKeys: ["s".repeat(40)], serviceKey: "k".repeat(64) };
  const secrets: Record<string, InstanceSecrets> = {
    owner: { database: postgres.owner, ...keys },
    service: { database: postgres.service, ...keys },
  };
  for (const [name, value] of Object.entries(secrets)) {
    await writeFile(join(folder, `${name}.json`), JSON.stringify(value), { mode: 0o600 });
  }

  const configure = async (role: InstanceConfig["role"]): Promise<string> => {
    const path = join(folder, role);
    await mkdir(path);
    const config = {
      version: 1,
      instance: `bench.${role}.1@1`,
      role,
      datacenter: "bench",
      service: join(CONDUIT, "service.ts"),
      folder: CONDUIT,
      endpoints: join(folder, "endpoints.json"),
      secrets: join(folder, role === "migrate" ? "owner.json" : "service.json"),
      privateSocket: join(path, "private.sock"),
      ...(role === "app" ? { listen: { host: "127.0.0.1", port } } : {}),
      database: { connections, holdMs: 5_000 },
      http: {
        maxInFlight: 1_000,
        maxBodyBytes: 1_048_576,
        headersTimeoutMs: 10_000,
        requestTimeoutMs: 30_000,
        keepAliveMs: 72_000,
      },
      jobs: { concurrency: 4 },
      drainMs: 10_000,
      logLevel: "warn",
    };
    await writeFile(join(path, "instance.json"), JSON.stringify(config));
    return join(path, "instance.json");
  };

  const children: ChildProcess[] = [];
  const run = async (role: "app" | "worker") => {
    const child = spawn(process.execPath, [...FLAGS, MAIN, await configure(role)], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    children.push(child);
    return child;
  };
  const dispose = async () => {
    await Promise.all(
      children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        child.kill("SIGTERM");
        await once(child, "exit");
      }),
    );
    await rm(folder, { recursive: true });
  };
  try {
    await promisify(execFile)(process.execPath, [...FLAGS, MAIN, await configure("migrate")], { cwd: CONDUIT });
    const app = await run("app");
    if (worker) await run("worker");
    const url = `http://127.0.0.1:${port}`;
    await firstAnswer(`${url}/api/tags`, 120_000);
    return { url, app, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Waits until an address answers 200. Throws when it does not within this time in milliseconds. */
export async function firstAnswer(url: string, withinMs: number): Promise<void> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const status = await fetch(url).then(
      async (answer) => {
        await answer.arrayBuffer();
        return String(answer.status);
      },
      (error: unknown) => String(error),
    );
    if (status === "200") return;
    if (Date.now() > deadline) throw new Error(`${url} did not answer 200 within ${withinMs} ms: ${status}`);
    await pause(20);
  }
}
