import { setTimeout as delay } from "node:timers/promises";
import { nobodyListens } from "../../machine/unix-http.ts";
import { command } from "./admin.ts";
import { BalancerFailed } from "./problem.ts";
import { adminSocket, masterSocket } from "./sockets.ts";

/** A master that reloads reads its files and starts a worker before it answers again. Milliseconds. */
const AWAY_MS = 5_000;

/** Sends a command to one process of HAProxy. */
export type Worker = (text: string) => Promise<string>;

/**
 * Every process that has clients: the worker of now, then those of before a reload that still serve their last ones. One of
 * these that has ended meanwhile answers nothing.
 */
export async function workers(at: { readonly sockets: string }): Promise<Worker[]> {
  const former = formerWorkers(await processes(at)).map(
    (pid): Worker =>
      (text) =>
        command(masterSocket(at), `@!${pid} ${text}`).catch(() => ""),
  );
  return [(text) => command(adminSocket(at), text), ...former];
}

/**
 * What the master process says of itself and its workers (`show proc`). During a reload it is away for a moment, which
 * is waited for.
 */
export async function processes(at: { readonly sockets: string }): Promise<string> {
  for (const deadline = Date.now() + AWAY_MS; ; await delay(10)) {
    const answer = await command(masterSocket(at), "show proc").catch((cause: unknown) => {
      if (!isAway(cause) || Date.now() >= deadline) throw cause;
      return "";
    });
    if (answer !== "") return answer;
    if (Date.now() >= deadline) throw new BalancerFailed(masterSocket(at), `it took no commands for ${AWAY_MS} ms`);
  }
}

/** The master, which is one process all along, begins anew and takes no commands meanwhile. */
export function isAway(cause: unknown): boolean {
  const { code } = cause as NodeJS.ErrnoException;
  return nobodyListens(cause) || code === "ECONNRESET" || code === "EPIPE";
}

/** Process ids below `# old workers` in the answer to `show proc` (management guide 9.4.1). */
export function formerWorkers(answer: string): number[] {
  const lines = answer.split("\n");
  const from = lines.indexOf("# old workers");
  if (from === -1) return [];
  const to = lines.findIndex((line, at) => at > from && line.startsWith("#"));
  return lines.slice(from + 1, to === -1 ? undefined : to).flatMap((line) => {
    const [pid, type] = line.trim().split(/\s+/);
    return type === "worker" ? [Number(pid)] : [];
  });
}
