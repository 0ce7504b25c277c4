import { join } from "node:path";
import type { Placed } from "../engine.ts";
import type { PostgresSpec } from "./spec.ts";

/** `postgresql.conf`, complete: what is not in it has PostgreSQL 15's default. */
export function postgresqlConf({ spec, folder, sockets }: Placed<PostgresSpec>): string {
  const sharedMb = Math.max(32, Math.floor(spec.memoryMb / 4));
  const durable = spec.durable === false ? "off" : "on";
  return `# PostgreSQL 15, written by Ninefold. To run it by hand: sh start.sh
# Section numbers are those of the PostgreSQL 15 manual.

# Connections (20.3)
listen_addresses = ${quoted(spec.tcp ?? "")}
port = ${spec.port}
unix_socket_directories = ${quoted(sockets)}
unix_socket_permissions = 0700
max_connections = ${spec.maxConnections}
superuser_reserved_connections = 5          # migrations and health checks find a place when the service uses up its own
hba_file = ${quoted(join(folder, "pg_hba.conf"))}
password_encryption = scram-sha-256
client_connection_check_interval = ${process.platform === "linux" ? "5s" : "0"}       # a statement whose client is gone is ended, not run to its end

# Memory (20.4), from ${spec.memoryMb} MiB
shared_buffers = ${sharedMb}MB
effective_cache_size = ${Math.max(64, Math.floor((spec.memoryMb * 3) / 4))}MB
maintenance_work_mem = ${Math.min(1024, Math.max(32, Math.floor(spec.memoryMb / 16)))}MB
work_mem = ${Math.min(64, Math.max(4, Math.floor(spec.memoryMb / 4 / spec.maxConnections)))}MB

# Durability (20.5): a commit that was acknowledged survives power loss
fsync = ${durable}
synchronous_commit = ${durable}
full_page_writes = ${durable}
wal_level = logical                         # moves to another cluster later need no restart
max_wal_senders = 20
max_replication_slots = 20
max_prepared_transactions = 0
max_slot_wal_keep_size = 10GB               # a forgotten slot must not fill the disk
wal_compression = on
max_wal_size = 2GB
min_wal_size = 128MB
checkpoint_timeout = 10min
checkpoint_completion_target = 0.9

# Planner (20.7)
random_page_cost = 1.1                      # for SSDs, the default is for spinning disks
jit = off                                   # costs more than it gives on short statements

# Limits (20.11): a forgotten transaction holds back vacuum and keeps its locks
idle_in_transaction_session_timeout = 60s
lock_timeout = 0                            # by role, see prepare.ts
statement_timeout = 0

# Autovacuum (20.10): keep up with tables that change often
autovacuum_vacuum_cost_limit = 1000
autovacuum_vacuum_scale_factor = 0.05
autovacuum_analyze_scale_factor = 0.02
track_io_timing = on

# Log (20.8): to standard error, which Ninefold keeps in log
log_destination = stderr
logging_collector = off
log_line_prefix = '%m [%p] %q%u@%d '
log_timezone = UTC
log_checkpoints = on
log_lock_waits = on
log_autovacuum_min_duration = 1s
log_min_duration_statement = 1s
log_parameter_max_length = 0                # values are the users' data, and stay out of the log
log_parameter_max_length_on_error = 0
log_temp_files = 10MB
log_min_error_statement = panic             # a failing statement goes to its client, its text may hold users' data

# Locale (20.11)
timezone = UTC
datestyle = 'iso, mdy'
lc_messages = C
default_text_search_config = 'pg_catalog.english'
`;
}

/** `pg_hba.conf`: passwords always, over the unix socket and, where asked for, over loopback TCP. */
export function pgHbaConf({ spec }: Placed<PostgresSpec>): string {
  const tcp = spec.tcp === undefined ? "" : `host    all             all     samehost    scram-sha-256\n`;
  return `# PostgreSQL 15, written by Ninefold (manual 21.1). Whoever is not named here is refused.
# type  database        user    address     method
local   all             all                 scram-sha-256
${tcp}local   replication     all                 scram-sha-256
`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
