import { Agent, get } from "../../topology/node-http.ts";
import type { HttpServer } from "./server.ts";

export interface WarmUp {
  /** Paths to ask for, each with its query. */
  readonly paths: readonly string[];
  /** A server of the same app that nobody else knows; it is ended. */
  readonly server: HttpServer;
}

/** Requests for each path. */
const TIMES = 20;
/** At a time: more would call for connections to the database that nobody needs yet. */
const AT_ONCE = 2;
/** A path that takes long must not keep an instance from serving, milliseconds. */
const LONGEST_MS = 3_000;
const LOOPBACK = "127.0.0.1";

/**
 * Asks an instance's own app for some paths before it serves: the first requests to a new process take many times as long as
 * later ones, since its code is not compiled and its connections to the database know no table yet. What they are answered is not
 * looked at.
 */
export async function warmUp({ paths, server }: WarmUp): Promise<void> {
  if (paths.length === 0) return;
  const { port } = await server.listen({ host: LOOPBACK, port: 0 });
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const signal = AbortSignal.timeout(LONGEST_MS);
  const ask = (path: string) =>
    new Promise<void>((resolve) => {
      const request = get({ host: LOOPBACK, port, path, agent, signal }, (response) => {
        response.resume().once("close", resolve);
      });
      request.once("error", () => resolve());
    });
  const all = Array.from({ length: TIMES }, () => paths).flat();
  await Promise.all(all.map(ask));
  agent.destroy();
  await server.drain(0);
}
