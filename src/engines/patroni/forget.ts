import { etcdCall, signIn } from "../etcd/client.ts";
import { keysAfter } from "../etcd/keys.ts";
import { ETCD_PATRONI, etcdPasswords, PATRONI_PREFIX } from "../etcd/passwords.ts";
import { EtcdFailed } from "../etcd/problem.ts";
import { whyUnreachable } from "../json-request.ts";
import type { PatroniSpec } from "./spec.ts";

/**
 * Removes what Patroni keeps of a cluster in etcd: for a cluster whose data is gone. A later one of the same scope would
 * otherwise wait for ever for the members of this one. Safe when nothing is there.
 * @throws EtcdFailed
 */
export async function forgetCluster(spec: PatroniSpec): Promise<void> {
  const prefix = `${PATRONI_PREFIX}${spec.scope}/`;
  await remove(spec, { key: base64(prefix), range_end: base64(keysAfter(prefix)) });
}

/**
 * Removes a member's own key, which otherwise lives on until it runs out. For a member that has ended; safe when nothing is there.
 * @throws EtcdFailed
 */
export async function forgetMember(spec: PatroniSpec, name: string): Promise<void> {
  await remove(spec, { key: base64(`${PATRONI_PREFIX}${spec.scope}/members/${name}`) });
}

/** Through the first member of etcd that does it. */
async function remove({ etcd, etcdSecrets }: PatroniSpec, range: Readonly<Record<string, string>>): Promise<void> {
  const password = (await etcdPasswords(etcdSecrets))[ETCD_PATRONI];
  const reasons: string[] = [];
  for (const { address, port } of etcd) {
    const url = `http://${address}:${port}`;
    try {
      const signed = await signIn(url, ETCD_PATRONI, password);
      if ("token" in signed) {
        await etcdCall(url, "kv/deleterange", range, { token: signed.token });
        return;
      }
      reasons.push(`${url}: Patroni's user was refused: ${signed.refused}`);
    } catch (cause) {
      reasons.push(cause instanceof EtcdFailed ? cause.message : whyUnreachable(cause));
    }
  }
  if (etcd.length > 0) throw new EtcdFailed(etcd.map(({ address }) => address).join(", "), reasons.join("; "));
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
