import { passwordsFile } from "../secrets.ts";

/** May do everything; used by the control plane only. */
export const ETCD_ROOT = "root";
/** What Patroni signs in as: reads and writes the keys below {@link PATRONI_PREFIX}, and nothing else. */
export const ETCD_PATRONI = "patroni";
/** Start of all keys that Patroni keeps; its `namespace`. */
export const PATRONI_PREFIX = "/ninefold/";

/** Passwords of an etcd cluster; made, at random, when the file is not there. Throws BadPasswords. */
export function etcdPasswords(path: string): Promise<Record<typeof ETCD_ROOT | typeof ETCD_PATRONI, string>> {
  return passwordsFile(path, [ETCD_ROOT, ETCD_PATRONI], "etcd passwords");
}
