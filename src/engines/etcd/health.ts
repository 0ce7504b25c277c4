import { z } from "zod";
import type { Health, Placed } from "../engine.ts";
import { jsonRequest, whyUnreachable } from "../json-request.ts";
import { reasonInLog } from "../reason-in-log.ts";
import type { EtcdSpec } from "./spec.ts";

const ANSWER_MS = 3_000;

// The gateway gives 64-bit numbers as text, and leaves out what is zero or empty.
const Status = z.object({
  version: z.string(),
  leader: z.string().optional(),
  dbSize: z.coerce.number().default(0),
  raftTerm: z.coerce.number().default(0),
  errors: z.array(z.string()).default([]),
});

/** Asks the member itself, whether its cluster can write as well: `/health` reads through the members' agreement. */
export async function etcdHealth({ spec, folder }: Placed<EtcdSpec>): Promise<Health> {
  const health = await ask(spec);
  if (health.healthy) return health;
  const taken = (port: number) =>
    [
      `${spec.address}:${port}: bind: address already in use`,
      `another program has port ${port} of ${spec.address}`,
    ] as const;
  const reason = await reasonInLog(folder, [
    taken(spec.clientPort),
    taken(spec.peerPort),
    ["no space left on device", "the disk is full; free some space"],
  ]);
  return reason === undefined
    ? health
    : { healthy: false, says: `${health.says}: ${reason}`, blocked: reason.startsWith("another program") };
}

async function ask(spec: EtcdSpec): Promise<Health> {
  const url = `http://${spec.address}:${spec.clientPort}`;
  try {
    const answer = await jsonRequest(`${url}/v3/maintenance/status`, {
      method: "POST",
      body: {},
      withinMs: ANSWER_MS,
    });
    const status = Status.parse(answer.body);
    if (status.leader === undefined) return { healthy: false, says: "running, but the members have no leader" };
    if (status.errors.length > 0) return { healthy: false, says: `refuses to write: ${status.errors.join(", ")}` };
    const health = await jsonRequest(`${url}/health`, { withinMs: ANSWER_MS });
    if (health.status !== 200) return { healthy: false, says: "running, but the members do not agree" };
    const { version, dbSize, raftTerm } = status;
    return { healthy: true, details: { version, bytes: dbSize, term: raftTerm } };
  } catch (cause) {
    const why = whyUnreachable(cause);
    return { healthy: false, says: why === "ECONNREFUSED" ? "not running" : `does not answer: ${why}` };
  }
}
