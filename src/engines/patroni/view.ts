import { z } from "zod";
import type { InstanceName } from "../../topology/names.ts";
import { jsonRequest, whyUnreachable } from "../json-request.ts";
import { PatroniFailed } from "./problem.ts";
import type { PatroniSpec } from "./spec.ts";

const ANSWER_MS = 5_000;

/** `GET /cluster` (Patroni manual, "Patroni REST API"); what Patroni has of its members in etcd. */
const Cluster = z.object({
  members: z.array(
    z.object({
      name: z.string(),
      role: z.string(),
      state: z.string(),
      timeline: z.int().optional(),
      lag: z.union([z.int(), z.string()]).optional(),
      tags: z.record(z.string(), z.unknown()).default({}),
    }),
  ),
});

/** A member as Patroni knows it. One that has been gone for longer than its key lives (`ttl`) is not there at all. */
export interface MemberView {
  readonly name: string;
  /** `primary` holds the leader's key; a `synchronous` standby may take its place, a `standby` may not as long as there are others. */
  readonly role: "primary" | "synchronous" | "standby";
  /** Patroni's own word of PostgreSQL: `running`, `starting`, `crashed`, ... It says nothing about how far a standby is. */
  readonly state: string;
  /** Missing while it does not run. */
  readonly timeline?: number;
  /** A standby's distance from the leader in bytes, as of Patroni's last loop; missing where Patroni does not know. */
  readonly lagBytes?: number;
  /** Patroni may promote it: it has no tag `nofailover`. */
  readonly mayLead: boolean;
}

/**
 * What Patroni knows of a cluster's members, in the order of their names, from the first that answers.
 * @throws PatroniFailed when none does
 */
export async function clusterView(
  members: readonly Pick<PatroniSpec, "address" | "restPort">[],
): Promise<readonly MemberView[]> {
  const reasons: string[] = [];
  for (const { address, restPort } of members) {
    const at = `${address}:${restPort}`;
    try {
      const { status, body } = await jsonRequest(`http://${at}/cluster`, { withinMs: ANSWER_MS });
      if (status === 200) return Cluster.parse(body).members.map(viewed);
      reasons.push(`${at}: status ${status}`);
    } catch (cause) {
      reasons.push(`${at}: ${cause instanceof z.ZodError ? "not an answer of Patroni's" : whyUnreachable(cause)}`);
    }
  }
  throw new PatroniFailed(members[0]?.address ?? "no members", `no member tells its cluster: ${reasons.join("; ")}`);
}

/** The name of the member that leads; undefined while nobody does. */
export function leaderOf(view: readonly MemberView[]): string | undefined {
  return view.find(({ role }) => role === "primary")?.name;
}

/** Member names are instance names; this is the one of them in `members`. */
export function memberNamed<Member extends { readonly name: InstanceName }>(
  members: readonly Member[],
  name: string | undefined,
): Member {
  const found = members.find((member) => member.name === name);
  if (found === undefined) {
    throw new PatroniFailed(members.map((member) => member.name).join(", "), `${name ?? "nobody"} leads the cluster`);
  }
  return found;
}

function viewed(member: z.infer<typeof Cluster>["members"][number]): MemberView {
  const { name, role, state, timeline, lag, tags } = member;
  return {
    name,
    // `leader` up to Patroni 4, for the member that holds the key; "quorum" from 4 on is a kind of synchronous.
    role: ["leader", "master", "primary"].includes(role)
      ? "primary"
      : ["sync_standby", "quorum_standby"].includes(role)
        ? "synchronous"
        : "standby",
    state,
    ...(timeline === undefined ? {} : { timeline }),
    ...(typeof lag === "number" ? { lagBytes: lag } : {}),
    mayLead: tags.nofailover !== true,
  };
}
