import type { Placed } from "../engine.ts";
import { etcdCall, REFUSAL, signIn } from "./client.ts";
import { keysAfter } from "./keys.ts";
import { ETCD_PATRONI, ETCD_ROOT, etcdPasswords, PATRONI_PREFIX } from "./passwords.ts";
import { EtcdFailed } from "./problem.ts";
import type { EtcdSpec } from "./spec.ts";

/**
 * Makes a running etcd let in only those who have a password: `root`, and `patroni` below its prefix. Safe to run again
 * at any time, whatever cut a first try short; makes the passwords if there are none.
 * @throws EtcdFailed, BadPasswords
 */
export async function prepareEtcd({ spec }: Placed<EtcdSpec>): Promise<void> {
  const url = `http://${spec.address}:${spec.clientPort}`;
  const passwords = await etcdPasswords(spec.secrets);
  const root = await signIn(url, ETCD_ROOT, passwords[ETCD_ROOT]);
  if ("refused" in root && root.refused === REFUSAL.badPassword) {
    throw new EtcdFailed(url, `it has another password of root than ${spec.secrets}`);
  }
  const token = "token" in root ? root.token : undefined;
  const ask = (method: string, body: Readonly<Record<string, unknown>>, ...expected: string[]) =>
    etcdCall(url, method, body, { token, expected });

  if (token === undefined) await ensureUser(ask, ETCD_ROOT, passwords[ETCD_ROOT]);
  const patroni = token === undefined ? undefined : await signIn(url, ETCD_PATRONI, passwords[ETCD_PATRONI]);
  if (patroni === undefined || "refused" in patroni) await ensureUser(ask, ETCD_PATRONI, passwords[ETCD_PATRONI]);
  // Grants that are there already are made again without complaint.
  const perm = { permType: "READWRITE", key: base64(PATRONI_PREFIX), range_end: base64(keysAfter(PATRONI_PREFIX)) };
  await ask("auth/role/grant", { name: ETCD_PATRONI, perm });
  if (token === undefined) await ask("auth/enable", {});
}

type Ask = (
  method: string,
  body: Readonly<Record<string, unknown>>,
  ...expected: string[]
) => ReturnType<typeof etcdCall>;

/** A user with this password, and a role of the same name. */
async function ensureUser(ask: Ask, name: string, password: string): Promise<void> {
  const made = await ask("auth/user/add", { name, password }, REFUSAL.userThere);
  if ("refused" in made) await ask("auth/user/changepw", { name, password });
  await ask("auth/role/add", { name }, REFUSAL.roleThere);
  await ask("auth/user/grant", { user: name, role: name });
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
