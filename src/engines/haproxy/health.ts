import { nobodyListens } from "../../machine/unix-http.ts";
import type { Health, Placed } from "../engine.ts";
import { command, facts } from "./admin.ts";
import { adminSocket, masterSocket } from "./sockets.ts";
import type { HaproxySpec } from "./spec.ts";
import { serverStates } from "./states.ts";

/** Asks HAProxy itself. It is healthy without any server, too: then requests wait, and `serversUp` says 0. */
export async function haproxyHealth(instance: Placed<HaproxySpec>): Promise<Health> {
  try {
    const info = facts(await command(adminSocket(instance), "show info"));
    // Its worker serves a moment before the master takes commands, and a signal to stop would be lost on it until then.
    await command(masterSocket(instance), "show proc");
    const servers = [...(await serverStates(instance)).values()];
    return {
      healthy: true,
      details: {
        version: info.get("Version") ?? "",
        connections: Number(info.get("CurrConns")),
        uptimeSeconds: Number(info.get("Uptime_sec")),
        servers: servers.length,
        serversUp: servers.filter(({ state }) => state === "up").length,
      },
    };
  } catch (cause) {
    return { healthy: false, says: explain(cause) };
  }
}

function explain(cause: unknown): string {
  return nobodyListens(cause) ? "not running, or not yet listening" : `does not answer: ${(cause as Error).message}`;
}
