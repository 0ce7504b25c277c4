import { setTimeout as delay } from "node:timers/promises";
import { AgentFailed, type LocalMachine } from "../machine/local/index.ts";

/** How long to go on asking while agents die, in milliseconds. */
const PATIENCE_MS = 30_000;

/**
 * The machine, asked again when its agent died in the middle of a request: every request of ours may be made twice, and a
 * new agent has by then adopted what the old one left.
 */
export function steadyMachine(machine: LocalMachine): LocalMachine {
  async function steadily<T>(ask: () => Promise<T>): Promise<T> {
    for (const deadline = Date.now() + PATIENCE_MS; ; ) {
      try {
        return await ask();
      } catch (error) {
        // A cause means that the connection broke; without one the agent itself said no.
        const lost = error instanceof AgentFailed && error.cause !== undefined;
        if (!lost || Date.now() > deadline) throw error;
        await delay(100);
      }
    }
  }
  return {
    ...machine,
    start: (name, command) => steadily(() => machine.start(name, command)),
    stop: (name) => steadily(() => machine.stop(name)),
    run: (name, command, within) => steadily(() => machine.run(name, command, within)),
    destroy: (name, how) => steadily(() => machine.destroy(name, how)),
    list: () => steadily(() => machine.list()),
    openSocket: (socket) => steadily(() => machine.openSocket(socket)),
    closeSocket: (name) => steadily(() => machine.closeSocket(name)),
  };
}
