/**
 * The agent of the local machine: a small process that holds the public sockets and keeps instances running. It does what
 * it is told and decides nothing. Killed, it leaves all instances running, and the next agent takes them over.
 *
 * Started as `node agent.ts <service folder>`; see ensure.ts. Ends with 0 after a shutdown and when nobody wants it any more, with 3 when the folder has an
 * agent already.
 */
import { appendFileSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { InstanceName } from "../../topology/names.ts";
import { isAlive, signal } from "./identity.ts";
import { layoutOf, wantedFile } from "./layout.ts";
import { lock } from "./lock.ts";
import { rotate } from "./log.ts";
import { FIRST_VARIABLE, FirstInstance } from "./protocol.ts";
import { readRecords } from "./record.ts";
import { endOldRuns } from "./run.ts";
import { agentServer } from "./server.ts";
import { inheritedSockets, publicSockets } from "./sockets.ts";
import { supervise } from "./supervisor.ts";
import { engineUser } from "./user.ts";

/** Exit code when another agent holds the folder. */
const ANOTHER_AGENT = 3;
const LOG_CHECK_MS = 1_000;
const SOCKET_CHECK_MS = 5_000;

const folder = process.argv[2];
if (folder === undefined) {
  process.stderr.write("usage: agent <service folder>\n");
  process.exit(2);
}
const wanted = wantedFile(folder);
if (!existsSync(wanted)) process.exit(0);
const layout = layoutOf(folder);
const log = join(layout.agent, "log");

function say(event: string, facts: Record<string, unknown> = {}): void {
  const line = JSON.stringify({ time: new Date().toISOString(), pid: process.pid, event, ...facts });
  try {
    appendFileSync(log, `${line}\n`, { mode: 0o600 });
  } catch {
    // A full disk must not end the agent; there is nowhere else to say it.
  }
}

function fail(cause: unknown): never {
  say("failed", { cause: cause instanceof Error ? cause.stack : String(cause) });
  process.exit(1);
}
process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);
// The terminal that the service was started from closes, or Ctrl-C is pressed in it: not the agent's business.
for (const ignored of ["SIGHUP", "SIGINT"] as const) process.on(ignored, () => undefined);

if (lock(join(layout.agent, "lock.db")) === undefined) process.exit(ANOTHER_AGENT);
if (!existsSync(wanted)) process.exit(0); // shut down by the one that had the lock until now
say("agent-started");
endOldRuns(layout.agent);

const sockets = publicSockets(layout.agent, inheritedSockets());
await recoverSockets();

const logOf = (name: InstanceName) => join(layout.instances, name, "log");
const user = engineUser();
const { supervisor, shutDown } = await supervise(layout.agent, {
  user,
  log: ({ name }) => logOf(name),
  socket: (name) => sockets.fd(name),
  say,
});
if (shutDown) end();

const first = process.env[FIRST_VARIABLE];
if (first !== undefined) {
  const { name, command } = FirstInstance.parse(JSON.parse(first));
  void supervisor.start(name, command);
}

const server = agentServer({
  supervisor,
  sockets,
  run: (name) => ({ folder: layout.agent, log: logOf(name), user }),
  retire: () => rmSync(layout.agentSocket, { force: true }),
  end,
});
rmSync(layout.agentSocket, { force: true }); // left by an agent that was killed: the lock says that none lives
server.listen(layout.agentSocket);
// Ended in good order: instances go on, as they do when the agent is killed.
process.on("SIGTERM", () => process.exit(0));

setInterval(() => {
  for (const file of [log, ...supervisor.list().map(({ name }) => logOf(name))]) {
    try {
      rotate(file);
    } catch (cause) {
      say("log-not-rotated", { file, cause: String(cause) });
    }
  }
}, LOG_CHECK_MS);

setInterval(() => void reopenLost(), SOCKET_CHECK_MS);

/**
 * Opens what was open before. An instance that serves from a socket was asked to hand it over, and did not answer: it
 * hangs. It also keeps the address from being opened again, so it has to go; it is started again with the new socket.
 */
async function recoverSockets(): Promise<void> {
  for (const { name, cause } of await sockets.reopen()) {
    say("socket-not-open", { name, cause: cause.message });
    for (const { command, process: holder, name: instance } of readRecords(layout.agent)) {
      if (command.socket !== name || holder === undefined) continue;
      say("killed-for-its-socket", { name: instance });
      signal(holder, "SIGKILL", { group: true });
      while (isAlive(holder)) await delay(5);
    }
  }
  await reopenLost();
}

/** Its port may be with another program now; tried again until it is free, and instances that need it wait. */
async function reopenLost(): Promise<void> {
  for (const { name, cause } of await sockets.reopen()) say("socket-lost", { name, cause: cause.message });
}

function end(): never {
  for (const name of Object.keys(sockets.list())) sockets.close(name);
  rmSync(layout.sockets, { recursive: true, force: true });
  rmSync(wanted, { force: true });
  say("agent-ended");
  process.exit(0);
}
