import { serverSettings } from "../postgres/settings.ts";
import type { PatroniSpec } from "./spec.ts";

/** Settings of PostgreSQL that must be alike on all members, so that Patroni takes them from etcd only. */
const CLUSTER_WIDE = new Set([
  "max_connections",
  "max_wal_senders",
  "max_replication_slots",
  "max_prepared_transactions",
  "max_worker_processes",
  "wal_level",
]);

/** Settings of PostgreSQL in force, by name, as Patroni takes them: all text. */
function parameters(spec: PatroniSpec, clusterWide: boolean): Record<string, string> {
  // Patroni takes 100 in the place of a number below 25.
  const size = { ...spec, maxConnections: Math.max(25, spec.maxConnections) };
  const all = serverSettings(size).flatMap(({ settings }) => settings);
  return Object.fromEntries(
    all.filter(({ name }) => CLUSTER_WIDE.has(name) === clusterWide).map(({ name, value }) => [name, String(value)]),
  );
}

/** Settings of one member, from its own file. */
export function memberParameters(spec: PatroniSpec): Record<string, string> {
  return parameters(spec, false);
}

/**
 * What Patroni keeps in etcd for the whole cluster ("Dynamic configuration settings" of its manual). The file has it
 * for the first start; later it is changed by `PATCH /config`, see change.ts.
 *
 * `loop_wait + 2 * retry_timeout <= ttl` must hold, or a leader may still think that it leads when its key is gone.
 */
export function clusterSettings(spec: PatroniSpec) {
  return {
    ttl: 20,
    // Patroni looks at PostgreSQL once a loop, so a crash is seen after half of this on average.
    loop_wait: 1,
    retry_timeout: 5,
    maximum_lag_on_failover: 1_048_576,
    primary_start_timeout: 300,
    primary_stop_timeout: 0,
    synchronous_mode: false,
    // A leader without etcd goes on when all other members answer it; a lone one has nobody who could take its place.
    failsafe_mode: true,
    // Patroni drops slots that it did not make, unless they match here; moves make theirs, and PostgreSQL more for each table.
    ignore_slots: [{ type: "logical", plugin: "pgoutput" }],
    postgresql: {
      use_slots: true,
      use_pg_rewind: false,
      parameters: parameters(spec, true),
    },
  };
}
