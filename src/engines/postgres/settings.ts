import { availableParallelism } from "node:os";

/** One setting of PostgreSQL, as in the manual; the value without quotes. */
export interface Setting {
  readonly name: string;
  readonly value: string | number;
  /** Why it has this value, where that is not obvious. */
  readonly why?: string;
}

/** Settings that belong together, under the title and section number of the PostgreSQL 15 manual. */
export interface SettingGroup {
  readonly title: string;
  readonly settings: readonly Setting[];
}

/** What the settings of a server depend on; see PostgresSpec. */
export interface ServerSize {
  readonly maxConnections: number;
  readonly memoryMb: number;
  readonly durable?: false;
}

/** All settings that a server has wherever it runs: PostgreSQL 15 and above, by itself or under Patroni. */
export function serverSettings({ maxConnections, memoryMb, ...size }: ServerSize): readonly SettingGroup[] {
  const durable = size.durable === false ? "off" : "on";
  const share = (least: number, part: number, most = Number.POSITIVE_INFINITY) =>
    `${Math.min(most, Math.max(least, Math.floor(part)))}MB`;
  return [
    {
      title: "Connections (20.3)",
      settings: [
        { name: "max_connections", value: maxConnections },
        {
          name: "superuser_reserved_connections",
          value: 5,
          why: "migrations and health checks find a place when the service uses up its own",
        },
        { name: "unix_socket_permissions", value: "0700" },
        { name: "password_encryption", value: "scram-sha-256" },
        {
          name: "client_connection_check_interval",
          value: process.platform === "linux" ? "5s" : "0",
          why: "a statement whose client is gone is ended, not run to its end",
        },
      ],
    },
    {
      title: `Memory (20.4), from ${memoryMb} MiB`,
      settings: [
        { name: "shared_buffers", value: share(32, memoryMb / 4) },
        { name: "effective_cache_size", value: share(64, (memoryMb * 3) / 4) },
        { name: "maintenance_work_mem", value: share(32, memoryMb / 16, 1024) },
        { name: "work_mem", value: share(4, memoryMb / 4 / maxConnections, 64) },
      ],
    },
    {
      title: "Durability (20.5): a commit that was acknowledged survives power loss",
      settings: [
        { name: "fsync", value: durable },
        { name: "synchronous_commit", value: durable },
        { name: "full_page_writes", value: durable },
        { name: "wal_level", value: "logical", why: "moves to another cluster later need no restart" },
        { name: "max_prepared_transactions", value: 0 },
        { name: "max_slot_wal_keep_size", value: "10GB", why: "a forgotten slot must not fill the disk" },
        { name: "wal_compression", value: "on" },
        { name: "max_wal_size", value: "2GB" },
        { name: "min_wal_size", value: "128MB" },
        { name: "checkpoint_timeout", value: "10min" },
        { name: "checkpoint_completion_target", value: 0.9 },
      ],
    },
    {
      title: "Replication (20.6): room for standbys and for moves in both directions at once",
      settings: [
        { name: "max_wal_senders", value: 20 },
        { name: "max_replication_slots", value: 20 },
        { name: "max_worker_processes", value: 24 },
        { name: "max_logical_replication_workers", value: 12 },
        {
          name: "max_sync_workers_per_subscription",
          value: Math.max(1, Math.min(4, Math.floor(availableParallelism() / 2))),
          why: "each table that is copied keeps two processors busy, which the service needs",
        },
        {
          name: "wal_retrieve_retry_interval",
          value: "500ms",
          why: "a stream that was cut or turned round goes on soon",
        },
      ],
    },
    {
      title: "Planner (20.7)",
      settings: [
        { name: "random_page_cost", value: 1.1, why: "for SSDs, the default is for spinning disks" },
        { name: "jit", value: "off", why: "costs more than it gives on short statements" },
      ],
    },
    {
      title: "Limits (20.11): a forgotten transaction holds back vacuum and keeps its locks",
      settings: [
        { name: "idle_in_transaction_session_timeout", value: "60s" },
        { name: "lock_timeout", value: 0, why: "by role, see prepare.ts" },
        { name: "statement_timeout", value: 0 },
      ],
    },
    {
      title: "Autovacuum (20.10): keep up with tables that change often",
      settings: [
        { name: "autovacuum_vacuum_cost_limit", value: 1000 },
        { name: "autovacuum_vacuum_scale_factor", value: 0.05 },
        { name: "autovacuum_analyze_scale_factor", value: 0.02 },
        { name: "track_io_timing", value: "on" },
      ],
    },
    {
      title: "Log (20.8): to standard error, which Ninefold keeps in log",
      settings: [
        { name: "log_destination", value: "stderr" },
        { name: "logging_collector", value: "off" },
        { name: "log_line_prefix", value: "%m [%p] %q%u@%d " },
        { name: "log_timezone", value: "UTC" },
        { name: "log_checkpoints", value: "on" },
        { name: "log_lock_waits", value: "on" },
        { name: "log_autovacuum_min_duration", value: "1s" },
        { name: "log_min_duration_statement", value: "1s" },
        { name: "log_parameter_max_length", value: 0, why: "values are the users' data, and stay out of the log" },
        { name: "log_parameter_max_length_on_error", value: 0 },
        { name: "log_temp_files", value: "10MB" },
        {
          name: "log_min_error_statement",
          value: "panic",
          why: "a failing statement goes to its client, its text may hold users' data",
        },
      ],
    },
    {
      title: "Locale (20.11)",
      settings: [
        { name: "timezone", value: "UTC" },
        { name: "datestyle", value: "iso, mdy" },
        { name: "lc_messages", value: "C" },
        { name: "default_text_search_config", value: "pg_catalog.english" },
      ],
    },
  ];
}
