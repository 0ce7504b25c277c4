import type { OpenSide } from "./side.ts";

/**
 * What moves: everything but the system's own, what extensions made (they make it again), temporary things, the notes of
 * moves, the fence, and the outcomes of commits, which tell of this server only. An SQL condition on `pg_class c` and `pg_namespace n`.
 */
export const MOVES = `n.nspname !~ '^(pg_|ninefold_move_)' and n.nspname <> 'information_schema'
  and c.relpersistence <> 't' and not (n.nspname = 'ninefold' and c.relname ~ '^(fence|outcomes)')
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')`;

export interface Table {
  /** Quoted and with its schema, as SQL wants it: `public.articles`. */
  readonly name: string;
  /** On disk, in bytes, without indexes. */
  readonly bytes: number;
  readonly rows: number;
}

/** Ordinary tables, leaves of partitioned ones included, in the fixed order in which they are locked. */
export async function tables(side: OpenSide): Promise<Table[]> {
  return side.query<Table>(`
    select format('%I.%I', n.nspname, c.relname) as name,
           pg_table_size(c.oid)::float8 as bytes, greatest(c.reltuples, 0)::float8 as rows
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and ${MOVES} order by 2`);
}

/** Quoted names of sequences, those of identity columns included. */
export async function sequences(side: OpenSide): Promise<string[]> {
  const rows = await side.query<{ name: string }>(`
    select format('%I.%I', n.nspname, c.relname) as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'S' and ${MOVES} order by 1`);
  return rows.map((row) => row.name);
}

export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
