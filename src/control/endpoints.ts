import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { LocalMachine } from "../machine/local/index.ts";
import { privateSocket } from "../machine/private-socket.ts";
import { unixRequest } from "../machine/unix-http.ts";
import { type DatabaseAddress, Endpoints } from "../topology/endpoints.ts";
import type { InstanceName } from "../topology/names.ts";
import type { MemberAddresses } from "./clusters/cluster.ts";
import { writeDurably } from "./format.ts";
import type { StatePaths } from "./paths.ts";

const ANSWER_MS = 3_000;
const LOOK_MS = 20;

const HealthEpoch = z.object({ epoch: z.int() });

/**
 * Tells the service where its database is: in the file that instances start from, with a higher epoch, and then to those
 * that run. One that does not answer finds it in the file, when its database refuses it or is gone.
 */
export async function publishEndpoints(
  machine: LocalMachine,
  paths: StatePaths,
  deployment: string,
  { primary, standbys, upcoming }: MemberAddresses & { readonly upcoming?: DatabaseAddress | undefined },
): Promise<void> {
  const clusters = { main: { primary, standbys: [...standbys], ...(upcoming === undefined ? {} : { upcoming }) } };
  const known = await readEndpoints(paths);
  const same = known?.deployment === deployment && JSON.stringify(known.clusters) === JSON.stringify(clusters);
  const next: Endpoints = same ? known : { version: 1, epoch: (known?.epoch ?? 0) + 1, deployment, clusters };
  if (!same) await writeDurably(paths.endpoints, `${JSON.stringify(next, null, 2)}\n`, 0o600);
  await Promise.all(
    (await serviceInstances(machine)).map((name) =>
      unixRequest(privateSocket(machine.sockets(name)), "PUT", "/endpoints", { body: next, withinMs: ANSWER_MS }).catch(
        () => undefined,
      ),
    ),
  );
}

/**
 * Waits until every instance that answers uses the endpoints in the file, with its connections to what is upcoming open.
 * @returns those that do not within `withinMs`
 */
export async function endpointsInUse(
  machine: LocalMachine,
  paths: StatePaths,
  { withinMs, signal }: { readonly withinMs: number; readonly signal: AbortSignal },
): Promise<readonly InstanceName[]> {
  const wanted = (await readEndpoints(paths))?.epoch ?? 0;
  const late = async (name: InstanceName) => {
    const answer = await unixRequest(privateSocket(machine.sockets(name)), "GET", "/health", {
      withinMs: ANSWER_MS,
    }).catch(() => undefined);
    const health = HealthEpoch.safeParse(answer?.body);
    return health.success && health.data.epoch < wanted ? [name] : [];
  };
  for (const deadline = Date.now() + withinMs; ; await delay(LOOK_MS, undefined, { signal })) {
    const behind = (await Promise.all((await serviceInstances(machine)).map(late))).flat();
    if (behind.length === 0 || Date.now() > deadline) return behind;
  }
}

async function serviceInstances(machine: LocalMachine): Promise<InstanceName[]> {
  return (await machine.list()).map(({ name }) => name).filter((name) => /\.(app|worker)\.\d+@/.test(name));
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
