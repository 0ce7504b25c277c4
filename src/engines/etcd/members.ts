import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { Placed } from "../engine.ts";
import { etcdCall, signIn } from "./client.ts";
import { ETCD_ROOT, etcdPasswords } from "./passwords.ts";
import { EtcdFailed } from "./problem.ts";
import type { EtcdSpec } from "./spec.ts";

const AGREE_MS = 15_000;

// The gateway leaves out what is empty or false: a member that never started has no name.
const Members = z.object({
  members: z.array(
    z.object({
      ID: z.string(),
      name: z.string().default(""),
      peerURLs: z.array(z.string()),
      isLearner: z.boolean().default(false),
    }),
  ),
});

/** A member as the cluster knows it. */
export interface KnownMember {
  readonly id: string;
  /** Empty until its first start. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  /** It follows and does not vote yet (etcd manual, "Learner"). */
  readonly learner: boolean;
}

/** What is done to a cluster of etcd through whichever member answers. */
export interface EtcdCluster {
  members(): Promise<readonly KnownMember[]>;
  /** One call, signed in as root. @returns the words of a refusal that is one of `expected` */
  ask(method: string, body: Readonly<Record<string, unknown>>, ...expected: string[]): Promise<string | undefined>;
}

export function clientUrl({ spec }: Placed<EtcdSpec>): string {
  return `http://${spec.address}:${spec.clientPort}`;
}

export function peerUrl({ spec }: Placed<EtcdSpec>): string {
  return `http://${spec.address}:${spec.peerPort}`;
}

/**
 * Signs in as root through the first member that lets us in, which proves that the members agree. While they choose a leader
 * none does, so they are given some time.
 * @throws EtcdFailed when none does
 */
export async function etcdCluster(running: readonly Placed<EtcdSpec>[]): Promise<EtcdCluster> {
  for (const deadline = Date.now() + AGREE_MS; ; await delay(200)) {
    const reasons: string[] = [];
    for (const member of running) {
      const found = await clusterThrough(member);
      if (typeof found !== "string") return found;
      reasons.push(`${member.name}: ${found}`);
    }
    if (Date.now() < deadline) continue;
    throw new EtcdFailed(running.map(({ name }) => name).join(", "), `no member lets us in: ${reasons.join("; ")}`);
  }
}

/** The cluster as this member sees it, or why it does not let us in. */
async function clusterThrough(member: Placed<EtcdSpec>): Promise<EtcdCluster | string> {
  const url = clientUrl(member);
  try {
    const signed = await signIn(url, ETCD_ROOT, (await etcdPasswords(member.spec.secrets))[ETCD_ROOT]);
    return "token" in signed ? clusterAt(url, signed.token) : signed.refused;
  } catch (cause) {
    if (!(cause instanceof EtcdFailed)) throw cause;
    return cause.says;
  }
}

function clusterAt(url: string, token: string): EtcdCluster {
  const call = (method: string, body: Readonly<Record<string, unknown>>, expected: readonly string[] = []) =>
    etcdCall(url, method, body, { token, expected });
  return {
    members: async () => {
      const answer = await call("cluster/member/list", {});
      const { members } = Members.parse("body" in answer ? answer.body : undefined);
      return members.map(({ ID, name, peerURLs, isLearner }) => ({
        id: ID,
        name,
        peerUrls: peerURLs,
        learner: isLearner,
      }));
    },
    ask: async (method, body, ...expected) => {
      const answer = await call(method, body, expected);
      return "refused" in answer ? answer.refused : undefined;
    },
  };
}
