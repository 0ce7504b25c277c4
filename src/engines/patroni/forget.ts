import { etcdCall, signIn } from "../etcd/client.ts";
import { keysAfter } from "../etcd/keys.ts";
import { ETCD_PATRONI, etcdPasswords, PATRONI_PREFIX } from "../etcd/passwords.ts";
import { EtcdFailed } from "../etcd/problem.ts";
import type { PatroniSpec } from "./spec.ts";

/**
 * Removes what Patroni keeps of a cluster in etcd: for a cluster whose data is gone. A later one of the same scope would
 * otherwise wait for ever for the members of this one. Safe when nothing is there.
 * @throws EtcdFailed
 */
export async function forgetCluster({ etcd, scope, etcdSecrets }: PatroniSpec): Promise<void> {
  const [member] = etcd;
  if (member === undefined) return;
  const url = `http://${member.address}:${member.port}`;
  const signed = await signIn(url, ETCD_PATRONI, (await etcdPasswords(etcdSecrets))[ETCD_PATRONI]);
  if ("refused" in signed) throw new EtcdFailed(url, `Patroni's user was refused: ${signed.refused}`);
  const prefix = `${PATRONI_PREFIX}${scope}/`;
  const range = { key: base64(prefix), range_end: base64(keysAfter(prefix)) };
  await etcdCall(url, "kv/deleterange", range, { token: signed.token });
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
