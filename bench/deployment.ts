/** A deployment of Conduit by the command line, in a folder of its own. */
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { freePort } from "../src/machine/free-port.ts";
import { CONDUIT } from "./conduit-service.ts";

const run = promisify(execFile);
const REPOSITORY = fileURLToPath(new URL("..", import.meta.url));

/** Where Ninefold and Conduit's packages are: folders below see them. */
export interface Installed {
  readonly folder: string;
  /** Arguments of node that run its command. */
  readonly command: readonly string[];
}

/** The checkout: its sources run as they are. Not in node_modules, where Node strips no types. */
const CHECKOUT: Installed = {
  folder: join(REPOSITORY, ".ninefold", "bench"),
  command: ["--conditions=ninefold-source", join(REPOSITORY, "bin", "ninefold.js")],
};

/** The package as it is published, installed with Conduit's other packages; removed when it is disposed. */
export async function installPackage(): Promise<Installed & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), "ninefold-package-"));
  await run("npm", ["pack", "--pack-destination", folder], { cwd: REPOSITORY });
  const tarball = (await readdir(folder)).find((name) => name.endsWith(".tgz")) ?? "";
  const manifest = JSON.parse(await readFile(join(CONDUIT, "package.json"), "utf8"));
  const dependencies = { ...manifest.dependencies, ninefold: `file:./${tarball}` };
  await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, type: "module", dependencies }));
  await run("npm", ["install", "--no-audit", "--no-fund"], { cwd: folder });
  return {
    folder,
    command: [join(folder, "node_modules", "ninefold", "bin", "ninefold.js")],
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** The folder, a port, and the command line in it. Everything is stopped and removed when it is disposed. */
export async function deployment(installed: Installed = CHECKOUT) {
  await mkdir(installed.folder, { recursive: true });
  const folder = await mkdtemp(join(installed.folder, "up-"));
  await cp(CONDUIT, folder, {
    recursive: true,
    filter: (path) => !/\/(node_modules|\.ninefold|web)(\/|$)/.test(path.slice(CONDUIT.length)),
  });
  const port = await freePort();
  const ninefold = (...args: string[]) =>
    run(process.execPath, [...installed.command, "-C", folder, ...args], {
      env: { ...process.env, NO_COLOR: "1" },
      maxBuffer: 64 * 1024 * 1024,
    });
  return {
    folder,
    port,
    url: `http://127.0.0.1:${port}`,
    ninefold,
    /** Where a PostgreSQL of the deployment answers, for the service's role or the superuser. */
    databaseUrl: async (role: "ninefold_service" | "postgres") => {
      const passwords = JSON.parse(await readFile(join(folder, ".ninefold", "secrets", "database.json"), "utf8"));
      const endpoints = JSON.parse(await readFile(join(folder, ".ninefold", "endpoints.json"), "utf8"));
      const { host, port: at, database } = endpoints.clusters.main.primary;
      const password = encodeURIComponent(passwords[role]);
      return host.startsWith("/")
        ? `postgres://${role}:${password}@localhost:${at}/${database}?host=${encodeURIComponent(host)}`
        : `postgres://${role}:${password}@${host}:${at}/${database}`;
    },
    [Symbol.asyncDispose]: async () => {
      await ninefold("down", "--destroy", "--yes");
      await rm(folder, { recursive: true, force: true });
    },
  };
}
