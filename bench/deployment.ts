/** A deployment of Conduit by the command line, in a folder of its own inside the repository. */
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { freePort } from "../src/machine/free-port.ts";
import { CONDUIT } from "./conduit-service.ts";

const BIN = fileURLToPath(new URL("../bin/ninefold.js", import.meta.url));
// Inside the repository, so that the service finds its packages, and not in node_modules, where Node strips no types.
const WORK = fileURLToPath(new URL("../.ninefold/bench", import.meta.url));

/** The folder, a port, and the command line in it. Everything is stopped and removed when it is disposed. */
export async function deployment() {
  await mkdir(WORK, { recursive: true });
  const folder = await mkdtemp(join(WORK, "up-"));
  await cp(CONDUIT, folder, {
    recursive: true,
    filter: (path) => !/\/(node_modules|\.ninefold|web)(\/|$)/.test(path.slice(CONDUIT.length)),
  });
  const port = await freePort();
  const run = promisify(execFile);
  const ninefold = (...args: string[]) =>
    run(process.execPath, ["--conditions=ninefold-source", BIN, "-C", folder, ...args], {
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
