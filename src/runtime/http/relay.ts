import { spawn } from "node:child_process";
import { z } from "zod";

/** A command that is to inherit the public socket as descriptor 3. */
export const Relay = z.object({
  file: z.string().min(1),
  args: z.array(z.string()),
  env: z.record(z.string(), z.string()),
  cwd: z.string().min(1),
});
export type Relay = z.infer<typeof Relay>;

/**
 * Starts the command in a session of its own with a copy of the public listening socket, and gives its process id. A new agent
 * is started this way after the old one was killed: it gets the very socket that clients wait on, with its queue.
 */
export function relay(command: Relay, publicSocket: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command.file, command.args, {
      cwd: command.cwd,
      env: command.env,
      detached: true,
      stdio: ["ignore", "ignore", "ignore", publicSocket],
    });
    child.once("error", reject);
    child.once("spawn", () => {
      child.unref();
      resolve(child.pid as number);
    });
  });
}
