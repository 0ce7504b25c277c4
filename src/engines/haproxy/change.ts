import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { nobodyListens } from "../../machine/unix-http.ts";
import type { Placed } from "../engine.ts";
import { command, facts } from "./admin.ts";
import { balancer } from "./balancer.ts";
import { useCertificate } from "./certificate.ts";
import { configurationId } from "./config.ts";
import { ReloadRefused } from "./problem.ts";
import { awaitReady } from "./ready.ts";
import { adminSocket, masterSocket } from "./sockets.ts";
import type { BalancedServer, HaproxySpec } from "./spec.ts";
import { isAway, processes } from "./workers.ts";

const READY_MS = 10_000;
const RELOAD_MS = 10_000;
const LOOK_MS = 10;

/**
 * Makes a running HAProxy be as its spec, looking only at HAProxy itself: servers at run time, all else by a reload, in
 * which a new worker takes over and the former one serves its open connections to their end.
 * @returns `restart` when it does not run
 * @throws ReloadRefused, ServerNotReady, BalancerFailed
 */
export async function changeRunning(instance: Placed<HaproxySpec>): Promise<"changed" | "restart"> {
  const { servers, drainMs } = instance.spec;
  const running = balancer(instance);
  try {
    const before = await running.servers();
    const isHere = ({ name, address, port }: BalancedServer) => {
      const found = before.get(name);
      return found?.address === address && found.port === port && (found.state === "up" || found.state === "down");
    };
    const coming = servers.filter((server) => !isHere(server));
    // A new worker takes the servers in its file to be up, so they must be before a reload.
    await Promise.all(coming.map((server) => awaitReady(server, READY_MS)));
    const wanted = new Set(servers.map(({ name }) => name));
    const leaving = [...before.keys()].filter((name) => !wanted.has(name));
    // Before a reload, too: the former worker then has sent them all that it ever will.
    await Promise.all(
      leaving.map(async (name) => {
        await running.drain(name, drainMs);
        await running.remove(name);
      }),
    );
    if ((await runningId(instance)) !== configurationId(instance)) await reload(instance);
    await useCertificate(instance);
    await Promise.all(coming.map((server) => running.add(server)));
    return "changed";
  } catch (cause) {
    if (nobodyListens(cause)) return "restart";
    throw cause;
  }
}

/** The configuration that HAProxy runs with; see {@link configurationId}. */
async function runningId(instance: Placed<HaproxySpec>): Promise<string | undefined> {
  return facts(await command(adminSocket(instance), "show info")).get("description");
}

async function reload(instance: Placed<HaproxySpec>): Promise<void> {
  const id = configurationId(instance);
  const before = failedReloads(await processes(instance));
  await command(masterSocket(instance), "reload").catch((cause: unknown) => {
    if (!isAway(cause)) throw cause;
  });
  for (const deadline = Date.now() + RELOAD_MS; Date.now() < deadline; await delay(LOOK_MS)) {
    const taken = (await runningId(instance).catch(() => undefined)) === id;
    // It answers when the master takes commands and signals again, too.
    const answer = await processes(instance);
    if (taken) return;
    if (failedReloads(answer) > before) throw new ReloadRefused(instance.folder, await lastAlert(instance.folder));
  }
  throw new ReloadRefused(instance.folder, `it did not take the file in ${RELOAD_MS} ms`);
}

/** From `1162  master  5 [failed: 0]  0d00h02m07s` (management guide 9.4.1). */
function failedReloads(proc: string): number {
  return Number(/\[failed: (\d+)\]/.exec(proc)?.[1] ?? 0);
}

async function lastAlert(folder: string): Promise<string> {
  const log = await readFile(join(folder, "log"), "utf8").catch(() => "");
  const alert = log.split("\n").findLast((line) => line.startsWith("[ALERT]"));
  return alert?.replace(/^\[ALERT\]\s*\(\d+\) : /, "") ?? "it does not say why";
}
