import { isDeepStrictEqual } from "node:util";
import type { Engine } from "../engine.ts";
import { postgresFiles } from "./cluster.ts";
import { postgresHealth } from "./health.ts";
import type { PostgresSpec } from "./spec.ts";

/** PostgreSQL 15 as npm installs it. Its data folder is made by {@link initCluster} before the first start. */
export const postgresEngine: Engine<PostgresSpec> = {
  name: "postgres",
  render: postgresFiles,
  command: ({ folder }) => ({
    file: "/bin/sh",
    args: ["start.sh"],
    env: { LC_ALL: "C" },
    cwd: folder,
    user: "engine",
    // "Fast shutdown" (manual 19.5): ends sessions, writes everything out. SIGTERM would wait for the sessions to end.
    stop: { signal: "SIGINT", withinMs: 60_000 },
  }),
  health: postgresHealth,
  // All that a spec says takes effect at a start only: memory, connections, addresses.
  change: async (instance, next) =>
    isDeepStrictEqual(postgresFiles(instance), postgresFiles({ ...instance, spec: next })) ? "changed" : "restart",
};
