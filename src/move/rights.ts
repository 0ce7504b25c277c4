import { literal, MOVES } from "./relations.ts";

/** What a fence takes: all that writes, or all that reads. */
export type Rights = "writes" | "reads";

const PRIVILEGES: Record<Rights, { readonly table: readonly string[]; readonly sequence: readonly string[] }> = {
  writes: { table: ["INSERT", "UPDATE", "DELETE", "TRUNCATE"], sequence: ["USAGE", "UPDATE"] },
  reads: { table: ["SELECT"], sequence: ["SELECT"] },
};

/**
 * One statement that notes in `<schema>.undo` how to give rights back, and revokes them from everybody but superusers: owners too,
 * since functions that run as the owner, and cascades of foreign keys, would write on. Rights on columns go with those on their table.
 * @see PostgreSQL 15 manual, REVOKE, and 9.26 (aclexplode)
 */
export function takeRights(schema: string, rights: Rights): string {
  const { table, sequence } = PRIVILEGES[rights];
  const list = (names: readonly string[]) => names.map(literal).join(", ");
  return `do $take$
declare
  line record;
begin
  create temp table rights_taken on commit drop as
  with relations as (
    select c.oid, c.relkind = 'S' as is_sequence, format('%I.%I', n.nspname, c.relname) as name,
           coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's'::"char" else 'r'::"char" end, c.relowner)) as acl
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'm', 'v', 'f', 'S') and ${MOVES}
  ), entries as (
    select r.is_sequence, r.name, null::text as column_name, e.* from relations r, aclexplode(r.acl) e
    union all
    select false, r.name, quote_ident(a.attname), e.*
    from relations r join pg_attribute a on a.attrelid = r.oid and a.attacl is not null and not a.attisdropped,
         aclexplode(a.attacl) e
  )
  select case when is_sequence then 'sequence' else 'table' end as class, name, column_name, privilege_type as privilege,
         is_grantable, case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end as grantee
  from entries
  where privilege_type = any (case when is_sequence then array[${list(sequence)}] else array[${list(table)}] end)
    and not exists (select from pg_roles p where p.oid = grantee and p.rolsuper);

  insert into ${schema}.undo (kind, statement)
  select ${literal(rights)}, format('grant %s on %s %s to %s%s', privileges, class, string_agg(name, ', ' order by name), grantee,
                    case when is_grantable then ' with grant option' else '' end)
  from (
    select class, name, grantee, is_grantable, column_name is not null as on_columns,
           string_agg(distinct privilege || coalesce(' (' || column_name || ')', ''), ', ') as privileges
    from rights_taken group by 1, 2, 3, 4, 5
  ) by_relation
  group by class, grantee, is_grantable, privileges, on_columns, case when on_columns then name end;

  for line in
    select format('revoke %s on %s %s from %s cascade', case class when 'sequence' then ${literal(sequence.join(", "))} else ${literal(table.join(", "))} end,
                  class, string_agg(distinct name, ', '), grantee) as statement
    from rights_taken group by class, grantee
  loop
    execute line.statement;
  end loop;
  drop table rights_taken;
end $take$`;
}
