import type { ClientBase } from "pg";
import { literal } from "./relations.ts";
import type { OpenSide } from "./side.ts";

/**
 * The move's own schema on a side.
 * - `marker` is replicated in both directions: a number that arrived proves that all before it has.
 * - `follower` is the identity of the cluster that follows, which is part of the names of the slots that its workers make.
 * - `undo` holds the statements that give back what the move took: `writes`, `reads` (rights), `identity` (of rows).
 * - `later` holds the parts of the schema that are made after the copy.
 * The guard refuses changes to the schema by all but superusers: logical replication does not carry them.
 */
export function notesStatements(schema: string): string {
  return `
create schema ${schema};
create table ${schema}.marker (flow text primary key, n bigint not null);
create table ${schema}.follower (flow text primary key, system text not null);
create table ${schema}.undo (n int generated always as identity primary key, kind text not null, statement text not null);
create table ${schema}.later (n int generated always as identity primary key, what text not null, statement text not null);

create function ${schema}.refuse_change() returns event_trigger language plpgsql security definer set search_path = pg_catalog as $guard$
declare
  what text;
begin
  if (select rolsuper from pg_roles where rolname = session_user) or tg_tag = 'REFRESH MATERIALIZED VIEW' then
    return;
  end if;
  if tg_event = 'sql_drop' then
    select object_identity into what from pg_event_trigger_dropped_objects() where not is_temporary limit 1;
  else
    select coalesce(object_identity, tg_tag) into what from pg_event_trigger_ddl_commands()
      where schema_name is distinct from 'pg_temp' limit 1;
  end if;
  if what is null then
    return;
  elsif exists (select from ninefold.fence) then
    raise exception 'the database is closed for a move' using errcode = 'insufficient_privilege';
  else
    raise exception 'the schema cannot change while the database moves: % %', tg_tag, what
      using errcode = 'object_in_use', hint = 'Finish the move, or undo it, then try again.';
  end if;
end $guard$;
create event trigger ${schema}_ddl on ddl_command_end execute function ${schema}.refuse_change();
create event trigger ${schema}_drop on sql_drop execute function ${schema}.refuse_change();
`;
}

/** Whether the move has its notes on this side, so whether it began there. */
export async function hasNotes(side: OpenSide, schema: string): Promise<boolean> {
  const found = await side.query("select from pg_namespace where nspname = $1", [schema]);
  return found.length > 0;
}

/** Takes the notes and the guard away. Safe when there are none. */
export async function dropNotes(client: Pick<ClientBase, "query">, schema: string): Promise<void> {
  await client.query(`drop event trigger if exists ${schema}_ddl; drop event trigger if exists ${schema}_drop;
    drop schema if exists ${schema} cascade`);
}

/** Runs what `undo` holds of some kinds, and strikes it off. The caller's transaction makes it all or nothing. */
export function giveBack(schema: string, kinds: readonly string[]): string {
  const these = kinds.map(literal).join(", ");
  return `do $give$ declare line record; begin
    for line in select statement from ${schema}.undo where kind in (${these}) order by n loop execute line.statement; end loop;
    delete from ${schema}.undo where kind in (${these});
  end $give$`;
}
