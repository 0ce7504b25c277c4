import type { InstanceName } from "../../topology/names.ts";
import { command, rows } from "./admin.ts";
import { BACKEND, haproxyName, instanceName } from "./server.ts";
import { adminSocket } from "./sockets.ts";
import { workers } from "./workers.ts";

/** A server as the balancer sees it. */
export interface ServerState {
  readonly address: string;
  readonly port: number;
  /** `draining`: gets no new requests; `down`: its checks fail; `maintenance`: about to be removed. */
  readonly state: "up" | "down" | "draining" | "maintenance";
  /** Open requests and WebSockets now, requests that wait for this server, and requests since it was added. */
  readonly sessions: number;
  readonly queued: number;
  readonly requests: number;
  /** Requests that it failed: no connection, no answer, an answer that broke off. */
  readonly errors: number;
  /** What the last check found, in HAProxy's words, such as `L7OK 200` or `L4CON`. */
  readonly check: string;
}

interface At {
  readonly sockets: string;
}

// Type 4 are servers (management guide 9.3, `show stat`).
const SERVERS = `show stat ${BACKEND} 4 -1`;

export async function serverStates(at: At): Promise<ReadonlyMap<InstanceName, ServerState>> {
  const states = new Map<InstanceName, ServerState>();
  for (const row of rows(await command(adminSocket(at), SERVERS))) {
    const name = instanceName(row.get("svname") ?? "");
    if (name !== undefined) states.set(name, serverState(row));
  }
  return states;
}

/** The smallest number that no server of the backend has, which HAProxy calls its `id`. */
export async function freeServerId(at: At): Promise<number> {
  const taken = new Set(rows(await command(adminSocket(at), SERVERS)).map((row) => number(row, "sid")));
  let id = 1;
  while (taken.has(id)) id += 1;
  return id;
}

/** Open and waiting requests of a server, in all processes that have clients. */
export async function totalSessions(at: At, name: InstanceName): Promise<number> {
  const answers = await Promise.all((await workers(at)).map((worker) => worker(SERVERS)));
  const its = answers.flatMap(rows).filter((row) => row.get("svname") === haproxyName(name));
  return its.map((row) => number(row, "scur") + number(row, "qcur")).reduce((sum, count) => sum + count, 0);
}

/**
 * Cuts off all requests and WebSockets of a server, one by one: `shutdown sessions server` is refused by a worker of before
 * a reload.
 */
export async function cutSessions(at: At, name: InstanceName): Promise<void> {
  const its = new RegExp(`^(0x[0-9a-f]+): .* be=${BACKEND} srv=${haproxyName(name).replaceAll(".", "\\.")} `, "gm");
  for (const worker of await workers(at)) {
    const sessions = [...(await worker("show sess")).matchAll(its)];
    for (const [, id] of sessions) await worker(`shutdown session ${id}`);
  }
}

function serverState(row: ReadonlyMap<string, string>): ServerState {
  const [, address = "", port = "0"] = /^\[?([^\]]*?)\]?:(\d+)$/.exec(row.get("addr") ?? "") ?? [];
  return {
    address,
    port: Number(port),
    state: stateOf(row.get("status") ?? ""),
    sessions: number(row, "scur"),
    queued: number(row, "qcur"),
    requests: number(row, "stot"),
    errors: number(row, "econ") + number(row, "eresp"),
    check: [row.get("check_status"), row.get("check_code")].filter(Boolean).join(" "),
  };
}

/** `UP 1/3` goes down with the next failed check; `no check` is one whose checks begin. */
function stateOf(status: string): ServerState["state"] {
  if (status.startsWith("MAINT")) return "maintenance";
  if (status.startsWith("DRAIN")) return "draining";
  return status.startsWith("UP") || status.startsWith("no check") ? "up" : "down";
}

function number(row: ReadonlyMap<string, string>, name: string): number {
  return Number(row.get(name) || 0);
}
