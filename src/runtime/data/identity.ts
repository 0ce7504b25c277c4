import { ask } from "./ask.ts";
import type { Link } from "./link.ts";
import { ownStatement } from "./statement.ts";

/** Which server a connection leads to, and in which of its lives. */
export interface Identity {
  /** Made with the data folder, kept by its copies. */
  readonly system: string;
  /** 0 for a standby: it may go on with another at any time. */
  readonly timeline: number;
  /** Changes when the server is started, and when it comes back from the crash of one of its processes. */
  readonly life: string;
  /** The server's process behind the connection that asked: its number, and when it was started. */
  readonly backend: string;
}

/**
 * A postmaster survives the crash of a backend and recovers on the same start time; what changes then is the moment at
 * which the statistics were thrown away. The timeline comes from the name of the current log file, because the control
 * file shows the old one until the first checkpoint after a promotion.
 */
export const IDENTITY_COLUMNS = `
  (select system_identifier::text from pg_control_system()) as system,
  case when not pg_is_in_recovery() then substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8) end as timeline,
  pg_postmaster_start_time()::text || ' ' || coalesce(pg_stat_get_bgwriter_stat_reset_time()::text, '') as life,
  (select pid || ' ' || extract(epoch from backend_start) from pg_stat_get_activity(pg_backend_pid())) as backend`;

const IDENTIFY = ownStatement(`select ${IDENTITY_COLUMNS}`, "", "read");

/** A row of {@link IDENTITY_COLUMNS}; undefined for a server that is a standby. */
export function identityOf(row: unknown): Identity | undefined {
  const { system, timeline, life, backend } = row as Omit<Identity, "timeline"> & { timeline: string | null };
  return timeline === null ? undefined : { system, timeline: Number.parseInt(timeline, 16), life, backend };
}

/** Asks a new connection. Rejects when it leads to a server of the other role. */
export async function identify(link: Link, role: "primary" | "standby"): Promise<Identity> {
  const row = await ask(link, IDENTIFY);
  const identity = identityOf(row);
  if (role === "primary" && identity === undefined) throw new Error("the server is a standby, not the primary");
  if (role === "standby" && identity !== undefined) throw new Error("the server is no standby any more");
  return identity ?? { ...(row as Identity), timeline: 0 };
}
