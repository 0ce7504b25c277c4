import { ARCHIVE_COMMAND } from "../pgbackrest/archive.ts";
import { serverSettings } from "../postgres/settings.ts";
import type { PatroniSpec, Replication } from "./spec.ts";

/** Settings of PostgreSQL that must be alike on all members, so that Patroni takes them from etcd only. */
const CLUSTER_WIDE = new Set([
  "max_connections",
  "max_wal_senders",
  "max_replication_slots",
  "max_prepared_transactions",
  "max_worker_processes",
  "wal_level",
]);

/** Seconds from one look of Patroni's at PostgreSQL to the next; a crash is seen after half of this on average. */
const LOOP_WAIT = 1;

/** A cluster of one. */
export const ALONE: Replication = { synchronous: false, nodes: 0, strict: false };

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
  return {
    ...parameters(spec, false),
    ...(isReplicated(spec) ? BETWEEN_MEMBERS : {}),
    ...(spec.backups === undefined ? {} : ARCHIVING),
  };
}

/**
 * Pieces of the log go to the repository of backups, where it was turned on (manual 26.3). The mode takes a restart, so it is always
 * on; the script does nothing until the first backup.
 */
const ARCHIVING = { archive_mode: "on", archive_command: ARCHIVE_COMMAND };

/**
 * A commit that goes to standbys costs each of them a flush as well, so those of one moment share theirs: the first waits so long
 * for others, in microseconds, where at least five more transactions (`commit_siblings`) are writing (manual 30.5).
 * @see docs/decisions/0017-commits-share-their-flushes.md
 */
export const SHARED_FLUSHES = { commit_delay: "100" };

/** Settings where members follow each other (manual 20.6). */
const BETWEEN_MEMBERS = {
  ...SHARED_FLUSHES,
  // Also where safety on power loss is given up: without it no commit waits for a standby.
  synchronous_commit: "on",
  // A standby that is gone without a word holds up commits for this long; a leader that is, its standbys.
  wal_sender_timeout: "5s",
  wal_receiver_timeout: "5s",
  // A standby's readers are not ended because the leader removed rows that they may still see.
  hot_standby_feedback: "on",
};

export function isReplicated({ replication = ALONE }: PatroniSpec): boolean {
  return replication.nodes > 0;
}

/**
 * What Patroni keeps in etcd for the whole cluster ("Dynamic configuration settings" of its manual). The file has it
 * for the first start; later it is changed by `PATCH /config`, see change.ts and replication.ts.
 *
 * `loop_wait + 2 * retry_timeout <= ttl` must hold, or a leader may still think that it leads when its key is gone.
 */
export function clusterSettings(spec: PatroniSpec) {
  const { synchronous, nodes, strict } = spec.replication ?? ALONE;
  const replicated = isReplicated(spec);
  const ttl = replicated ? (spec.ttlSeconds ?? 6) : 20;
  return {
    ttl,
    loop_wait: LOOP_WAIT,
    retry_timeout: replicated ? Math.floor((ttl - LOOP_WAIT) / 2) : 5,
    maximum_lag_on_failover: 1_048_576,
    // 0: a leader whose PostgreSQL ended makes room for a standby at once. A lone one can only recover where it is.
    primary_start_timeout: replicated ? 0 : 300,
    primary_stop_timeout: 0,
    synchronous_mode: replicated && synchronous,
    synchronous_node_count: Math.max(1, nodes),
    synchronous_mode_strict: replicated && strict,
    // A leader without etcd goes on when all other members answer it; a lone one has nobody who could take its place.
    failsafe_mode: true,
    // Patroni drops slots that it did not make, unless they match here; moves make theirs, and PostgreSQL more for each table.
    ignore_slots: [{ type: "logical", plugin: "pgoutput" }],
    postgresql: {
      use_slots: true,
      // A leader that comes back with commits that nobody has any more gives them up, and follows.
      use_pg_rewind: replicated,
      remove_data_directory_on_rewind_failure: replicated,
      remove_data_directory_on_diverged_timelines: replicated,
      // A standby that lost its leader comes to the next one soon: no commit is acknowledged before that.
      wal_retrieve_retry_interval: "100ms",
      // A new leader keeps no log for the others until they come to it; they find what they lack in this much of it. Patroni
      // takes it from here only.
      parameters: { ...parameters(spec, true), ...(replicated ? { wal_keep_size: "256MB" } : {}) },
    },
  };
}
