import { OWNER_ROLE, SERVICE_ROLE } from "../../topology/roles.ts";

/** Rows are kept for at least so long, in seconds; three times as long at most while anybody sweeps. */
const SLOT_SECONDS = 600;
const SLOTS = [0, 1, 2];

const slotAt = (time: string) => `(date_part('epoch', ${time})::bigint / ${SLOT_SECONDS} % ${SLOTS.length})::smallint`;

/**
 * In the service's database: one row for each write and each transaction that wrote, made by it, so that after a broken
 * connection the row tells whether it was committed; see src/runtime/data/outcome-rows.ts. No index: nothing is looked up
 * unless a connection broke. Old rows go a third at a time, which costs nothing: the slot that is written next is emptied
 * while the one before it is written, the third is left alone.
 */
export const OUTCOME_STATEMENTS: readonly string[] = [
  // By the time of the statement, not of the transaction, which may have begun long ago.
  `create table if not exists ninefold.outcomes (
     id bigint not null,
     slot smallint not null default ${slotAt("statement_timestamp()")}
   ) partition by list (slot)`,
  ...SLOTS.map(
    (slot) => `create table if not exists ninefold.outcomes_${slot}
     partition of ninefold.outcomes for values in (${slot}) with (autovacuum_enabled = false)`,
  ),
  `create or replace function ninefold.sweep_outcomes() returns void
   language plpgsql volatile security definer
   set search_path = pg_catalog, pg_temp set lock_timeout = '1s' as $$
   declare
     slot text := 'ninefold.outcomes_' || ${slotAt("clock_timestamp() + interval '10 minutes'")};
   begin
     -- Not so late that the lock may come when the slot is in use already.
     if date_part('epoch', clock_timestamp())::bigint % ${SLOT_SECONDS} > ${SLOT_SECONDS - 60} then return; end if;
     if pg_relation_size(slot::regclass) = 0 then return; end if;
     execute 'truncate ' || slot;
   end $$`,
  // What waits for the standbys in this function's own commit makes sure that what was found is with them.
  `create or replace function ninefold.look_up_outcomes(
     wanted bigint[], out system text, out timeline int, out lsn pg_lsn, out there bigint[]
   ) language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
   begin
     there := array(select id from ninefold.outcomes where id = any(wanted));
     system := (select system_identifier::text from pg_control_system());
     lsn := pg_current_wal_flush_lsn();
     timeline := ('x' || substr(pg_walfile_name(lsn), 1, 8))::bit(32)::int;
     insert into ninefold.outcomes (id) values (0);
   end $$`,
  `revoke all on ninefold.outcomes, ${SLOTS.map((slot) => `ninefold.outcomes_${slot}`).join(", ")}
     from public, ${OWNER_ROLE}, ${SERVICE_ROLE}`,
  `grant insert, select on ninefold.outcomes to ${OWNER_ROLE}, ${SERVICE_ROLE}`,
  ...["sweep_outcomes()", "look_up_outcomes(bigint[])"].flatMap((name) => [
    `revoke all on function ninefold.${name} from public`,
    `grant execute on function ninefold.${name} to ${OWNER_ROLE}, ${SERVICE_ROLE}`,
  ]),
];
