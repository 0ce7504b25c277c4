import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { postgresBinaries } from "../../engines/postgres/binaries.ts";
import type { TestPostgres } from "../../engines/postgres/testing.ts";
import { engineUser } from "../../machine/local/user.ts";

/** Kills a test's PostgreSQL and starts it again on the same data. */
export class Crasher implements AsyncDisposable {
  readonly #folder: string;
  readonly #port: number;
  #child: ChildProcess | undefined;
  #killed: number[] = [];

  constructor(server: TestPostgres) {
    this.#folder = dirname(server.socketFolder);
    this.#port = server.port;
  }

  /** SIGKILL to every process of the server at once, as a power cut would; or to the postmaster, or to one backend. */
  async kill(what: "all" | "postmaster" | "backend"): Promise<void> {
    const postmaster = Number((await readFile(join(this.#folder, "data", "postmaster.pid"), "utf8")).split("\n")[0]);
    if (what === "backend") {
      const backend = (await childrenOf(postmaster)).find(({ title }) => title.includes("127.0.0.1"));
      if (backend !== undefined) signal(backend.pid, "SIGKILL");
      return;
    }
    signal(postmaster, "SIGSTOP"); // so that it makes no child that the list below misses
    const children = await childrenOf(postmaster);
    this.#killed = [postmaster, ...children.map(({ pid }) => pid)];
    signal(postmaster, "SIGKILL");
    if (what === "all") for (const { pid } of children) signal(pid, "SIGKILL");
  }

  /** Starts the server once every process of the old one has ended, and waits until it listens. */
  async start(): Promise<void> {
    for (const pid of this.#killed) while (await lives(pid)) await delay(10);
    // A process that nobody has waited for yet still holds its number, and PostgreSQL would take it for the old server.
    await rm(join(this.#folder, "data", "postmaster.pid"), { force: true });
    await rm(join(this.#folder, "s", `.s.PGSQL.${this.#port}.lock`), { force: true });
    const { postgres } = await postgresBinaries();
    const user = engineUser();
    const child = spawn(
      postgres,
      ["-D", join(this.#folder, "data"), "-c", `config_file=${join(this.#folder, "postgresql.conf")}`],
      {
        stdio: ["ignore", "ignore", "pipe"],
        cwd: this.#folder,
        ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
      },
    );
    this.#child = child;
    let said = "";
    child.stderr.on("data", (chunk) => {
      said = `${said}${chunk}`.slice(-2_000);
    });
    while (!(await listens(this.#port))) {
      if (child.exitCode !== null) throw new Error(`PostgreSQL did not start again: ${said}`);
      await delay(10);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGQUIT");
    await ended;
  }
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function lives(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat !== "" && stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) !== "Z";
}

function signal(pid: number, name: "SIGKILL" | "SIGSTOP"): void {
  try {
    process.kill(pid, name);
  } catch {
    // it has ended by itself
  }
}

async function childrenOf(parent: number): Promise<{ pid: number; title: string }[]> {
  const found: { pid: number; title: string }[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
    if (Number(stat.slice(stat.lastIndexOf(")") + 1).split(" ")[2]) !== parent) continue;
    found.push({ pid: Number(name), title: await readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "") });
  }
  return found;
}
