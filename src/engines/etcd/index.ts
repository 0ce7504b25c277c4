export { etcdEngine } from "./engine.ts";
export { addEtcdMember } from "./join.ts";
export { removeEtcdMember } from "./leave.ts";
export { ETCD_PATRONI, etcdPasswords, PATRONI_PREFIX } from "./passwords.ts";
export { prepareEtcd } from "./prepare.ts";
export { EtcdFailed } from "./problem.ts";
export type { EtcdSpec } from "./spec.ts";
