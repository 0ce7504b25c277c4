import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { privateSocket } from "../../machine/private-socket.ts";
import { nobodyListens, unixRequest } from "../../machine/unix-http.ts";
import { InstanceConfig } from "../../topology/instance-config.ts";
import { ownProgram } from "../../topology/package.ts";
import type { Engine, Health, Placed } from "../engine.ts";
import type { AppSpec } from "./spec.ts";

const ANSWER_MS = 3_000;
/** Time beyond the drain for a process to end by itself before it is killed, in milliseconds. */
const END_MS = 3_000;

const HealthAnswer = z.object({
  status: z.enum(["starting", "ready", "draining", "failed"]),
  reason: z.string().optional(),
  inFlight: z.int(),
  connections: z.int(),
  epoch: z.int(),
  pid: z.int(),
});

/** The service's own processes: `app` and `worker` run on, `inspect` and `migrate` are for `machine.run`. */
export const appEngine: Engine<AppSpec> = {
  name: "app",
  render: (instance) => new Map([["instance.json", `${JSON.stringify(instanceConfig(instance), null, 2)}\n`]]),
  command: ({ spec, folder }) => ({
    file: process.execPath,
    args: [...ownProgram("runtime/main"), join(folder, "instance.json")],
    env: spec.env,
    cwd: spec.folder,
    user: "self",
    ...(spec.listen === undefined ? {} : { socket: "socket" in spec.listen ? spec.listen.socket : spec.listen.holds }),
    stop: { signal: "SIGTERM", withinMs: spec.drainMs + END_MS },
  }),
  health: appHealth,
  change: async (instance, next) => {
    const same = (spec: AppSpec) => JSON.stringify([instanceConfig({ ...instance, spec }), spec.env]);
    if (same(instance.spec) !== same(next)) return "restart";
    const body: unknown = JSON.parse(await readFile(next.endpoints, "utf8"));
    const to = privateSocket(instance.sockets);
    const { status } = await unixRequest(to, "PUT", "/endpoints", { body, withinMs: ANSWER_MS });
    if (status !== 200) throw new Error(`${instance.name} refused new endpoints with status ${status}`);
    return "changed";
  },
};

function instanceConfig({ name, spec, sockets }: Placed<AppSpec>): InstanceConfig {
  const { env: _, listen, ...settings } = spec;
  return InstanceConfig.parse({
    version: 1,
    instance: name,
    privateSocket: privateSocket(sockets),
    ...settings,
    ...(listen === undefined ? {} : { listen: listensOn(listen) }),
  });
}

/** Descriptor that a process of ours inherits its socket as. */
const INHERITED = 3;

function listensOn(listen: NonNullable<AppSpec["listen"]>): InstanceConfig["listen"] {
  if ("socket" in listen) return { fd: INHERITED };
  return { host: listen.host, port: listen.port, holds: INHERITED };
}

async function appHealth({ sockets }: Placed<AppSpec>): Promise<Health> {
  try {
    const answer = await unixRequest(privateSocket(sockets), "GET", "/health", { withinMs: ANSWER_MS });
    const { status, reason, ...details } = HealthAnswer.parse(answer.body);
    if (status === "ready") return { healthy: true, details };
    return { healthy: false, says: reason === undefined ? status : `${status}: ${reason}` };
  } catch (cause) {
    if (nobodyListens(cause)) return { healthy: false, says: "not running, or not yet listening" };
    return { healthy: false, says: `does not answer: ${(cause as Error).message}` };
  }
}
