import type { Engine } from "../engine.ts";
import { changeSettings } from "./change.ts";
import { patroniFiles } from "./cluster.ts";
import { patroniHealth } from "./health.ts";
import type { PatroniSpec } from "./spec.ts";

/** PostgreSQL under Patroni. Patroni makes the data folder at the first start; its etcd must run by then. */
export const patroniEngine: Engine<PatroniSpec> = {
  name: "patroni",
  render: patroniFiles,
  command: ({ folder }) => ({
    file: "/bin/sh",
    args: ["start.sh"],
    // Patroni gives initdb the superuser's password in a temporary file.
    env: { LC_ALL: "C.UTF-8", TMPDIR: folder },
    cwd: folder,
    user: "engine",
    // Patroni stops PostgreSQL with a "fast shutdown" and gives the leader's key back.
    stop: { signal: "SIGTERM", withinMs: 60_000 },
  }),
  health: patroniHealth,
  change: changeSettings,
};
