import { MOVES } from "./relations.ts";
import type { OpenSide } from "./side.ts";

/** Without a key, each change of a row makes the target (before PostgreSQL 16) look through the whole table. */
const ROWS_WITHOUT_KEY = 20_000;
/** Types without an equality operator: rows that have them cannot be told apart as wholes. */
const INCOMPARABLE = "json xml point line lseg box path polygon circle jsonpath pg_snapshot txid_snapshot refcursor";

const NO_KEY = `c.relkind = 'r' and ${MOVES} and c.relreplident <> 'i'
  and not exists (select from pg_index i where i.indrelid = c.oid and i.indisvalid and i.indimmediate and i.indpred is null
    and i.indexprs is null and (i.indisprimary or i.indisunique and not exists (
      select from unnest(i.indkey::int2[]) key join pg_attribute a on a.attrelid = c.oid and a.attnum = key where not a.attnotnull)))`;
const RELATION =
  "format('%I.%I', n.nspname, c.relname) as what from pg_class c join pg_namespace n on n.oid = c.relnamespace";

/**
 * What logical replication leaves out, or would let through the fence; our own functions in `ninefold` write nothing that matters there.
 * Each row that `sql` finds at the source is one obstacle.
 */
export const OBSTACLES: readonly { readonly sql: string; readonly says: string; readonly fix: string }[] = [
  {
    sql: "select count(*) || ' large objects' as what from pg_largeobject_metadata having count(*) > 0",
    says: "large objects cannot be followed while they change",
    fix: "keep them in bytea columns, then `select lo_unlink(oid) from pg_largeobject_metadata`",
  },
  {
    sql: `select ${RELATION} where c.relkind in ('r', 'p') and c.relpersistence = 'u' and ${MOVES}`,
    says: "an unlogged table cannot be followed",
    fix: "`alter table ... set logged`, or drop it",
  },
  {
    sql: `select ${RELATION} where ${NO_KEY} and greatest(c.reltuples, pg_table_size(c.oid) / 8192) > ${ROWS_WITHOUT_KEY}`,
    says: "the table has no primary key and is too large to be followed without one",
    fix: "`alter table ... add primary key (...)`",
  },
  {
    sql: `select ${RELATION} where ${NO_KEY} and exists (select from pg_attribute a join pg_type t on t.oid = a.atttypid
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and t.typname = any(string_to_array('${INCOMPARABLE}', ' ')))`,
    says: "the table has no primary key, and a column whose values PostgreSQL cannot compare",
    fix: "`alter table ... add primary key (...)`",
  },
  {
    sql: `select format('%I.%I, trigger %I', n.nspname, c.relname, t.tgname) as what from pg_trigger t
      join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
      where t.tgenabled in ('A', 'R') and not t.tgisinternal and ${MOVES}`,
    says: "the trigger would fire again for each row that arrives at the target",
    fix: "`alter table ... enable trigger ...` (not `always`, not `replica`)",
  },
  {
    sql: `select format('%I.%I()', n.nspname, p.proname) as what from pg_proc p join pg_namespace n on n.oid = p.pronamespace
      join pg_roles r on r.oid = p.proowner where p.prosecdef and r.rolsuper and n.nspname !~ '^(pg_|ninefold_move_)'
      and n.nspname not in ('information_schema', 'ninefold')
      and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')`,
    says: "the function runs as a superuser, whom no fence keeps from writing",
    fix: "`alter function ... owner to ninefold_owner`, or `security invoker`",
  },
  {
    sql: `select m.rolname as what from pg_roles m where not m.rolsuper and m.rolcanlogin and m.rolname !~ '^ninefold_move_'
      and pg_has_role(m.oid, 'pg_write_all_data', 'member')`,
    says: "the role may write all data, whatever the fence takes",
    fix: "`revoke pg_write_all_data from ...`",
  },
  {
    sql: "select gid as what from pg_prepared_xacts where database = current_database()",
    says: "a prepared transaction holds its locks until it is ended",
    fix: "`commit prepared` or `rollback prepared`",
  },
];

/** What must be alike, or enough, on both sides. */
export interface Facts {
  readonly version: number;
  readonly standby: boolean;
  readonly walLevel: string;
  readonly freeSlots: number;
  readonly freeSenders: number;
  readonly workers: number;
  readonly locale: string;
  /** Roles that own or may do something in this database. */
  readonly roles: readonly string[];
  readonly allRoles: readonly string[];
  readonly extensions: readonly string[];
  readonly available: readonly string[];
  readonly bytes: number;
  /** Most that is kept of the log (`max_wal_size`), in bytes. */
  readonly log: number;
}

export async function factsOf(side: OpenSide): Promise<Facts> {
  const [facts] = await side.query<Facts>(`
    select current_setting('server_version_num')::int as version, pg_is_in_recovery() as standby,
      current_setting('wal_level') as "walLevel",
      current_setting('max_replication_slots')::int - (select count(*)::int from pg_replication_slots) as "freeSlots",
      current_setting('max_wal_senders')::int - (select count(*)::int from pg_stat_replication) as "freeSenders",
      current_setting('max_logical_replication_workers')::int as workers,
      format('%s %s %s %s', pg_encoding_to_char(d.encoding), d.datlocprovider, d.datcollate, d.datctype) as locale,
      array(select distinct r.rolname::text from pg_shdepend s join pg_roles r on r.oid = s.refobjid
            where s.refclassid = 'pg_authid'::regclass and s.dbid = d.oid) as roles,
      array(select rolname::text from pg_roles) as "allRoles",
      array(select extname::text from pg_extension) as extensions,
      array(select name::text from pg_available_extensions) as available,
      pg_database_size(d.oid)::float8 as bytes, pg_size_bytes(current_setting('max_wal_size'))::float8 as log
    from pg_database d where d.datname = current_database()`);
  if (facts === undefined) throw new Error("the database has no row in pg_database");
  return facts;
}
