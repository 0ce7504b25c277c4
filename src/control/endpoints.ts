import { readFile } from "node:fs/promises";
import type { LocalMachine } from "../machine/local/index.ts";
import { privateSocket } from "../machine/private-socket.ts";
import { unixRequest } from "../machine/unix-http.ts";
import { type DatabaseAddress, Endpoints } from "../topology/endpoints.ts";
import { writeDurably } from "./format.ts";
import type { StatePaths } from "./paths.ts";

const ANSWER_MS = 3_000;

/**
 * Tells the service where its database is: in the file that instances start from, with a higher epoch, and then to those
 * that run. One that does not answer finds it in the file, when its database refuses it or is gone.
 */
export async function publishEndpoints(
  machine: LocalMachine,
  paths: StatePaths,
  deployment: string,
  primary: DatabaseAddress,
): Promise<void> {
  const clusters = { main: { primary, standbys: [] } };
  const known = await readEndpoints(paths);
  const same = known?.deployment === deployment && JSON.stringify(known.clusters) === JSON.stringify(clusters);
  const next: Endpoints = same ? known : { version: 1, epoch: (known?.epoch ?? 0) + 1, deployment, clusters };
  if (!same) await writeDurably(paths.endpoints, `${JSON.stringify(next, null, 2)}\n`, 0o600);
  const told = (await machine.list()).filter(({ name }) => /\.(app|worker)\.\d+@/.test(name));
  await Promise.all(
    told.map(({ name }) =>
      unixRequest(privateSocket(machine.sockets(name)), "PUT", "/endpoints", { body: next, withinMs: ANSWER_MS }).catch(
        () => undefined,
      ),
    ),
  );
}

/** What instances are told now; undefined before the first time, or when the file is not whole. */
async function readEndpoints(paths: StatePaths): Promise<Endpoints | undefined> {
  const text = await readFile(paths.endpoints, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return Endpoints.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
