import { OWNER_ROLE, SERVICE_ROLE } from "../../topology/roles.ts";

/** Shown to the service only through these: what a role of least privilege may not read itself. */
const FUNCTIONS = [
  // On a standby the timeline that it receives, which is null while it receives nothing: what it has replayed is a part of
  // that timeline's history. On a primary the name of the log file tells; the control file shows the old one for a while.
  `create or replace function ninefold.member_state(
     out system text, out in_recovery boolean, out timeline int, out lsn pg_lsn, out xmin xid8, out xmax xid8,
     out streaming boolean, out synchronous_standby_names text, out lag_ms float8
   ) language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
   begin
     system := (select system_identifier::text from pg_control_system());
     in_recovery := pg_is_in_recovery();
     xmin := pg_snapshot_xmin(pg_current_snapshot());
     xmax := pg_snapshot_xmax(pg_current_snapshot());
     synchronous_standby_names := current_setting('synchronous_standby_names');
     if in_recovery then
       lsn := pg_last_wal_replay_lsn();
       select received_tli, status = 'streaming' into timeline, streaming from pg_stat_wal_receiver;
       streaming := coalesce(streaming, false);
       lag_ms := case when pg_last_wal_receive_lsn() = lsn then 0
         else 1000 * extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()) end;
     else
       lsn := pg_current_wal_flush_lsn();
       timeline := ('x' || substr(pg_walfile_name(lsn), 1, 8))::bit(32)::int;
       streaming := false;
       lag_ms := 0;
     end if;
   end $$`,
  // Where each earlier timeline ended for the current one; no rows on the first (manual 26.3.5). The files are never removed.
  `create or replace function ninefold.timeline_history(out timeline int, out until pg_lsn) returns setof record
   language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
   declare
     file text := 'pg_wal/' || lpad(upper(to_hex((ninefold.member_state()).timeline)), 8, '0') || '.history';
   begin
     return query select split_part(line, E'\\t', 1)::int, split_part(line, E'\\t', 2)::pg_lsn
       from regexp_split_to_table(coalesce(pg_read_file(file, 0, 10000000, true), ''), E'\\n') as line
       where line ~ E'^\\\\d+\\t';
   end $$`,
  // Returns when no transaction below the given number can be in the middle of its commit: a standby shows a commit as soon as
  // it has replayed it, the primary only when the standbys have confirmed it. One that waits for its client or for a lock has
  // not come to its commit. A snapshot lists none from its xmax on, so those come from the processes; one that stays the same
  // for a whole transaction lacks all of them. Those that are left after a while are named in the error's detail, with the
  // place up to which the log is flushed, for the caller to ask a standby.
  `create or replace function ninefold.await_visible(below bigint, within_ms int) returns void
   language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
   declare
     fresh boolean := current_setting('transaction_isolation') = 'read committed';
     late timestamptz := clock_timestamp() + make_interval(secs => within_ms / 1000.0);
     snapshot pg_snapshot;
     until bigint;
     open bigint[];
   begin
     loop
       snapshot := pg_current_snapshot();
       if pg_snapshot_xmin(snapshot)::text::bigint >= below then return; end if;
       until := pg_snapshot_xmax(snapshot)::text::bigint;
       with running as materialized (
         select until + (xid::text::bigint - until % 4294967296 + 6442450944) % 4294967296 - 2147483648 as xid, harmless
         from (
           select backend_xid as xid, pid = pg_backend_pid() or state like 'idle in transaction%' or wait_event_type = 'Lock'
             as harmless from pg_stat_activity where backend_xid is not null
           union all select transaction, false from pg_prepared_xacts) as listed
       ), candidates as (
         select xid::text::bigint from pg_snapshot_xip(snapshot) as xid
         union select xid from running
         union select generate_series(until, least(below - 1, (select max(xid) from running))) where not fresh
         union select generate_series(until, below - 1) where not fresh and below < 9223372036854775807
       )
       select array_agg(xid order by xid) into open from candidates
         where xid < below and xid not in (select xid from running where harmless is true);
       if open is null then return; end if;
       if clock_timestamp() >= late or not fresh then
         raise exception 'transactions that a standby may show already are not visible here yet'
           using errcode = 'NF001', detail = array_to_string(open, ',') || ' ' || (pg_current_wal_flush_lsn() - '0/0');
       end if;
       perform pg_sleep(0.0005), pg_stat_clear_snapshot();
     end loop;
   end $$`,
];

const SIGNATURES = ["member_state()", "timeline_history()", "await_visible(bigint, int)"];

/** In the service's database: functions by which an instance knows the members of a cluster; see src/runtime/data/monitor.ts. */
export const MEMBER_STATEMENTS: readonly string[] = [
  ...FUNCTIONS,
  ...SIGNATURES.flatMap((name) => [
    `revoke all on function ninefold.${name} from public`,
    `grant execute on function ninefold.${name} to ${OWNER_ROLE}, ${SERVICE_ROLE}`,
  ]),
];
