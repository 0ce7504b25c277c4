import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { LocalMachine } from "../machine/local/index.ts";
import { privateSocket } from "../machine/private-socket.ts";
import { unixRequest } from "../machine/unix-http.ts";
import { type DatabaseAddress, Endpoints } from "../topology/endpoints.ts";
import { InstanceName } from "../topology/names.ts";
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
  await inTurn(async () => {
    const known = await readEndpoints(paths);
    const same = known?.deployment === deployment && JSON.stringify(known.clusters) === JSON.stringify(clusters);
    const next: Endpoints = same ? known : { version: 1, epoch: (known?.epoch ?? 0) + 1, deployment, clusters };
    if (!same) await writeDurably(paths.endpoints, `${JSON.stringify(next, null, 2)}\n`, 0o600);
    await tell(machine, next);
  });
}

let last: Promise<unknown> = Promise.resolve();

/** One after another: no two endpoints may have the same number. */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const result = last.then(work);
  last = result.catch(() => undefined);
  return result;
}

async function tell(machine: LocalMachine, next: Endpoints): Promise<void> {
  await Promise.all(
    (await serviceInstances(machine)).map((name) =>
      unixRequest(privateSocket(machine.sockets(name)), "PUT", "/endpoints", { body: next, withinMs: ANSWER_MS }).catch(
        () => undefined,
      ),
    ),
  );
}

/**
 * Names the member that leads now as primary, where another one did when the endpoints were published. Instances find the
 * primary by themselves; whatever starts later, and every connection that is opened but once, begins with what is named here.
 * @param leads tells which of some members leads; undefined when nobody knows
 */
export async function followPrimary(
  machine: LocalMachine,
  paths: StatePaths,
  leads: (members: readonly InstanceName[]) => Promise<string | undefined>,
): Promise<void> {
  const known = await readEndpoints(paths);
  const main = known?.clusters.main;
  if (known === undefined || main === undefined || main.standbys.length === 0) return;
  const members = [main.primary, ...main.standbys];
  const leader = await leads(members.flatMap(({ name }) => InstanceName.safeParse(name).data ?? []));
  const primary = members.find(({ name }) => name === leader);
  if (primary === undefined || primary === main.primary) return;
  const standbys = members.filter((one) => one !== primary);
  await inTurn(async () => {
    // A plan may have published others meanwhile, which know better.
    if ((await readEndpoints(paths))?.epoch !== known.epoch) return;
    const next = {
      ...known,
      epoch: known.epoch + 1,
      clusters: { ...known.clusters, main: { ...main, primary, standbys } },
    };
    await writeDurably(paths.endpoints, `${JSON.stringify(next, null, 2)}\n`, 0o600);
    await tell(machine, next);
  });
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
export async function readEndpoints(paths: StatePaths): Promise<Endpoints | undefined> {
  const text = await readFile(paths.endpoints, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return Endpoints.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
