import { randomBytes } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { identify, isAlive, type ProcessIdentity } from "../machine/local/identity.ts";
import { ensureAgent, localMachine } from "../machine/local/index.ts";
import { claimFormat, writeDurably } from "./format.ts";
import { localWorld } from "./local-world.ts";
import { statePaths } from "./paths.ts";
import { reportOf } from "./problem.ts";
import { controlServer } from "./server.ts";
import { type Control, createControl } from "./service.ts";
import { steadyMachine } from "./steady-machine.ts";

/** Between two looks whether the agent lives, in milliseconds; a look is one small file of /proc. */
const AGENT_WATCH_MS = process.platform === "linux" ? 500 : 5_000;
/** Between two looks which member of the database leads, in milliseconds; instances know sooner, by themselves. */
const PRIMARY_WATCH_MS = 1_000;
/** Between two tries of what went wrong, such as a full disk, in milliseconds. */
const RETRY_MS = 5_000;
/** How often what runs is looked after though nothing happened: a certificate of our own ends some day. */
const LOOK_AFTER_MS = 24 * 60 * 60_000;
/** A control plane that has had nothing to control for so long, and was asked for nothing, ends with its agent. */
const IDLE_MS = 60_000;

/**
 * Runs the control plane of a service's folder until this process is asked to end. It can be killed at any time.
 * @param openJournal for tests, which make a journal that dies where they want
 */
export async function runControl(folder: string, openJournal?: Parameters<typeof createControl>[1]): Promise<void> {
  const paths = statePaths(folder);
  await claimFormat(paths);
  const machine = steadyMachine(localMachine(folder));
  const world = localWorld(folder, machine, paths);
  const control = createControl({ folder, paths, machine, world }, openJournal);
  const { journal, reconciler } = control;
  const token = await tokenOf(paths.controlToken);
  let askedAt = performance.now();
  const server = controlServer(control.service, token);
  server.on("request", () => {
    askedAt = performance.now();
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await writeDurably(
    paths.control,
    `${JSON.stringify({ url: `http://127.0.0.1:${port}`, pid: process.pid })}\n`,
    0o600,
  );

  const end = () => {
    // Everything that matters is in the journal; a plan under way goes on when the next control plane starts.
    void rm(paths.control, { force: true }).finally(() => process.exit(0));
  };
  process.on("SIGTERM", end);
  // The terminal that the service was started from closes, or Ctrl-C is pressed in it.
  for (const ignored of ["SIGHUP", "SIGINT"] as const) process.on(ignored, () => undefined);

  watchAgent(folder, control);
  every(PRIMARY_WATCH_MS, async () => {
    await world.followPrimary();
    await control.service.backups.resume();
  });
  every(RETRY_MS, async () => {
    if (reconciler.trouble !== undefined) await reconciler.recover();
  });
  every(IDLE_MS, async () => {
    const idle = performance.now() - askedAt > IDLE_MS && journal.open() === undefined && !journal.situation.running;
    if (idle) await machine.shutdown();
  });
  every(LOOK_AFTER_MS, async () => {
    if (journal.open() === undefined) await reconciler.repair();
  });
  await reconciler.recover();
  if (reconciler.trouble !== undefined) say("not-recovered", reconciler.trouble);
}

/** The agent supervises us, and we it: a new one is started as soon as the last one is gone, and what runs is looked after. */
function watchAgent(folder: string, { reconciler }: Pick<Control, "reconciler">): void {
  let agent: ProcessIdentity | undefined;
  every(AGENT_WATCH_MS, async () => {
    if (agent !== undefined && isAlive(agent)) return;
    const found = await ensureAgent(folder);
    const again = agent !== undefined;
    agent = identify(found.pid);
    if (again) say("agent-replaced", { pid: found.pid });
    if (again) await reconciler.repair();
  });
}

/** Runs work again and again, never two at a time; what it throws is said, and the next time it is tried again. */
function every(ms: number, work: () => Promise<void>): void {
  const again = () => {
    setTimeout(() => {
      void work()
        .catch((error: unknown) => say("failed", reportOf(error)))
        .finally(again);
    }, ms);
  };
  again();
}

/** The same token over restarts, so that clients need not ask again. */
async function tokenOf(path: string): Promise<string> {
  const known = await readFile(path, "utf8").catch(() => "");
  if (/^[0-9a-f]{64}$/.test(known.trim())) return known.trim();
  const token = randomBytes(32).toString("hex");
  await writeDurably(path, `${token}\n`, 0o600);
  return token;
}

function say(event: string, facts: object): void {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), event, ...facts })}\n`);
}
