import { isDeepStrictEqual } from "node:util";
import type { Engine } from "../engine.ts";
import { etcdYml } from "./config.ts";
import { etcdHealth } from "./health.ts";
import type { EtcdSpec } from "./spec.ts";

/** etcd, in which Patroni keeps who leads. Passwords are turned on by {@link prepareEtcd} after the first start. */
export const etcdEngine: Engine<EtcdSpec> = {
  name: "etcd",
  render: (instance) => new Map([["etcd.yml", etcdYml(instance)]]),
  command: ({ spec, folder }) => ({
    file: spec.program,
    args: ["--config-file", "etcd.yml"],
    env: {},
    cwd: folder,
    user: "engine",
    stop: { signal: "SIGTERM", withinMs: 10_000 },
  }),
  health: etcdHealth,
  // etcd reads its configuration at a start only.
  change: async (instance, next) =>
    isDeepStrictEqual(etcdYml(instance), etcdYml({ ...instance, spec: next })) && instance.spec.program === next.program
      ? "changed"
      : "restart",
};
