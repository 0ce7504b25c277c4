import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, open, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestPostgres } from "../../engines/postgres/testing.ts";
import { unixRequest } from "../../machine/unix-http.ts";
import type { InstanceConfig } from "../../topology/instance-config.ts";

/** A folder with a service in it, whose instances run as processes of their own; for tests. */
export interface ServiceFolder extends AsyncDisposable {
  readonly folder: string;
  /** Writes `service.ts`; `ninefold` resolves to this repository. */
  write(path: string, text: string): Promise<void>;
  /** Runs a one-shot role to its end. */
  run(
    role: "inspect" | "migrate",
    config?: Partial<InstanceConfig>,
  ): Promise<{ code: number; answer: Record<string, unknown>; log: string }>;
  start(role: "app" | "worker", options?: StartOptions): Promise<Started>;
}

export interface StartOptions {
  readonly name?: string;
  readonly config?: Partial<InstanceConfig>;
  /** A listening socket that the instance inherits as descriptor 3. */
  readonly socket?: { readonly fd: number };
  /** As the agent starts it, in a session of its own. */
  readonly ownSession?: true;
  /** A command that runs the one which it is given. */
  readonly through?: readonly string[];
}

export interface Started {
  readonly child: ChildProcess;
  readonly privateSocket: string;
  /** Resolves with the exit code, or the signal. */
  readonly ended: Promise<number | string>;
  health(): Promise<{ status: number; body: Record<string, unknown> } | undefined>;
  /** Waits until the instance says this of itself; rejects with its log after `withinMs` (default 20,000). */
  until(status: string, withinMs?: number): Promise<Record<string, unknown>>;
  log(): Promise<string>;
}

const source = extname(import.meta.url) === ".ts" ? ["--conditions=ninefold-source"] : [];
const main = fileURLToPath(new URL(`../main${extname(import.meta.url)}`, import.meta.url));
const repository = fileURLToPath(new URL("../../..", import.meta.url));

export async function serviceFolder(postgres: TestPostgres, database = postgres.database): Promise<ServiceFolder> {
  const folder = await mkdtemp(join(tmpdir(), "ninefold-role-"));
  const children: ChildProcess[] = [];
  const write = async (path: string, text: string) => {
    await mkdir(join(folder, path, ".."), { recursive: true });
    await writeFile(join(folder, path), text);
  };
  // Inside the repository's own tree there would be no need for this; a service elsewhere has its packages beside it.
  await mkdir(join(folder, "node_modules"));
  await symlink(repository, join(folder, "node_modules/ninefold"));
  await write("package.json", '{"type":"module"}');
  await write(
    "endpoints.json",
    JSON.stringify({
      version: 1,
      epoch: 1,
      deployment: "test",
      clusters: { main: { primary: { host: postgres.host, port: postgres.port, database }, standbys: [] } },
    }),
  );
  const secrets = (user: object) =>
    JSON.stringify({ database: user, sessionKeys: ["s".repeat(40)], serviceKey: "k".repeat(40) });
  await write("service-secrets.json", secrets(postgres.service));
  await write("owner-secrets.json", secrets(postgres.owner));

  const configure = async (role: InstanceConfig["role"], name: string, more: Partial<InstanceConfig> = {}) => {
    const config = {
      version: 1,
      instance: name,
      role,
      datacenter: "dc1",
      service: join(folder, "service.ts"),
      folder,
      endpoints: join(folder, "endpoints.json"),
      secrets: join(folder, role === "migrate" ? "owner-secrets.json" : "service-secrets.json"),
      privateSocket: join(folder, `${name}.sock`),
      database: { connections: 4, holdMs: 5_000 },
      http: {
        maxInFlight: 500,
        maxBodyBytes: 1_000_000,
        headersTimeoutMs: 5_000,
        requestTimeoutMs: 10_000,
        keepAliveMs: 1_000,
        trustedProxies: [],
      },
      jobs: { concurrency: 4 },
      drainMs: 10_000,
      logLevel: "info",
      ...more,
    };
    await write(`${name}.json`, JSON.stringify(config));
    return join(folder, `${name}.json`);
  };

  return {
    folder,
    write,
    async run(role, config) {
      const child = spawn(process.execPath, [...source, main, await configure(role, `test.${role}.1`, config)]);
      children.push(child);
      let out = "";
      let log = "";
      child.stdout.on("data", (chunk) => {
        out += String(chunk);
      });
      child.stderr.on("data", (chunk) => {
        log += String(chunk);
      });
      const [code] = (await once(child, "close")) as [number];
      return { code, answer: JSON.parse(out.trim().split("\n").at(-1) ?? "") as Record<string, unknown>, log };
    },
    async start(role, { name = `test.${role}.1`, config = {}, socket, ownSession = false, through = [] } = {}) {
      const listen =
        role === "worker" ? {} : { listen: socket === undefined ? { host: "127.0.0.1", port: 0 } : { fd: 3 } };
      const file = await configure(role, name, { ...listen, ...config });
      const log = join(folder, `${name}.log`);
      const handle = await open(log, "a");
      const inherited = socket === undefined ? [] : [socket.fd];
      const [program = "", ...args] = [...through, process.execPath, ...source, main, file];
      const child = spawn(program, args, {
        detached: ownSession,
        stdio: ["ignore", handle.fd, handle.fd, ...inherited],
      });
      await handle.close();
      children.push(child);
      const ended = once(child, "exit").then(([code, signal]) => (code ?? signal) as number | string);
      const privateSocket = join(folder, `${name}.sock`);
      const health = () =>
        unixRequest(privateSocket, "GET", "/health", { withinMs: 2_000 }).then(
          (answer) => ({ status: answer.status, body: answer.body as Record<string, unknown> }),
          () => undefined,
        );
      return {
        child,
        privateSocket,
        ended,
        health,
        log: () => readFile(log, "utf8"),
        async until(status, withinMs = 20_000) {
          for (const until = performance.now() + withinMs; performance.now() < until; ) {
            const said = await health();
            if (said?.body.status === status) return said.body;
            if (said?.body.status === "failed" || child.exitCode !== null) break;
            await new Promise((resolve) => setTimeout(resolve, 20));
          }
          throw new Error(`${name} did not become ${status}:\n${await readFile(log, "utf8")}`);
        },
      };
    },
    async [Symbol.asyncDispose]() {
      for (const child of children) child.kill("SIGKILL");
      await rm(folder, { recursive: true, maxRetries: 5 });
    },
  };
}
