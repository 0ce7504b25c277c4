import type { Placed } from "../engine.ts";
import { command, facts, rows } from "./admin.ts";
import { BACKEND } from "./server.ts";
import { adminSocket } from "./sockets.ts";
import type { HaproxySpec } from "./spec.ts";
import { type ServerState, serverStates } from "./states.ts";

/** What HAProxy counted since its present worker began. */
export interface BalancerStatistics {
  readonly uptimeSeconds: number;
  /** Connections of clients now, and new ones in the last second. */
  readonly connections: number;
  readonly connectionRate: number;
  readonly requests: number;
  /** Requests in the last second. */
  readonly requestRate: number;
  /** Requests that wait for a server now. */
  readonly queued: number;
  /** Requests answered with an error of the server's or of HAProxy's own, by class of status. */
  readonly clientErrors: number;
  readonly serverErrors: number;
  /** Requests that a limit refused (404, 413, 429, 503). */
  readonly refused: number;
  /** Requests tried again, and those that went to another server then. */
  readonly retries: number;
  readonly redispatches: number;
  /** Means over the last 1,024 requests, in milliseconds: wait for a server, and until its answer began. */
  readonly queueMs: number;
  readonly answerMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly servers: ReadonlyMap<string, ServerState>;
}

/** @throws the errors of node:net when HAProxy does not run, BalancerFailed when it does not answer */
export async function statistics(instance: Placed<HaproxySpec>): Promise<BalancerStatistics> {
  const run = (text: string) => command(adminSocket(instance), text);
  const number = (map: ReadonlyMap<string, string> | undefined, name: string) => Number(map?.get(name) || 0);
  // Type 1 are frontends, 2 backends (management guide 9.3, `show stat`).
  const info = facts(await run("show info"));
  const front = rows(await run("show stat public 1 -1"))[0];
  const back = rows(await run(`show stat ${BACKEND} 2 -1`))[0];
  return {
    uptimeSeconds: number(info, "Uptime_sec"),
    connections: number(front, "scur"),
    connectionRate: number(front, "conn_rate"),
    requests: number(front, "req_tot"),
    requestRate: number(front, "req_rate"),
    queued: number(back, "qcur"),
    clientErrors: number(front, "hrsp_4xx"),
    serverErrors: number(front, "hrsp_5xx"),
    refused: number(front, "dreq"),
    retries: number(back, "wretr"),
    redispatches: number(back, "wredis"),
    queueMs: number(back, "qtime"),
    answerMs: number(back, "rtime"),
    bytesIn: number(front, "bin"),
    bytesOut: number(front, "bout"),
    servers: await serverStates(instance),
  };
}
