import { isDeepStrictEqual } from "node:util";
import type { Command } from "../../machine/machine.ts";
import type { Engine, Placed } from "../engine.ts";
import { changeRunning } from "./change.ts";
import { haproxyFiles } from "./config.ts";
import { haproxyHealth } from "./health.ts";
import { masterSocket } from "./sockets.ts";
import type { HaproxySpec } from "./spec.ts";

/** Time beyond the drain for HAProxy to end by itself before it is killed, in milliseconds. */
const END_MS = 3_000;

/**
 * HAProxy on an inherited socket, as a master process that keeps the configuration and a worker that serves. With TLS,
 * {@link writeCertificate} comes before the first start.
 */
export const haproxyEngine: Engine<HaproxySpec> = {
  name: "haproxy",
  render: haproxyFiles,
  command: haproxyCommand,
  health: haproxyHealth,
  /** The files of `next` must have been written before. */
  change: async (instance, next) => {
    const changed = { ...instance, spec: next };
    if (!isDeepStrictEqual(haproxyCommand(instance), haproxyCommand(changed))) return "restart";
    return changeRunning(changed);
  },
};

function haproxyCommand(instance: Placed<HaproxySpec>): Command {
  const { spec, folder } = instance;
  return {
    file: spec.binary,
    // Master and worker (management guide 4): a worker whose master was killed ends by itself.
    args: ["-W", "-S", `${masterSocket(instance)},mode,600,level,admin`, "-f", "haproxy.cfg"],
    env: {},
    cwd: folder,
    user: "engine",
    socket: spec.socket,
    // "Soft stop": no new connections, open requests end first (management guide 4).
    stop: { signal: "SIGUSR1", withinMs: spec.drainMs + END_MS },
  };
}
