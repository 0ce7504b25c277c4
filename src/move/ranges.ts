import type { OpenSide } from "./side.ts";

/** A column of a primary key, quoted, and its type. */
export interface Key {
  readonly name: string;
  readonly type: string;
}

/** Rows of a table whose key is after `from` and not after `to`; without them, from its beginning or to its end. */
export interface Range {
  readonly table: string;
  /** Quoted columns that are compared. */
  readonly columns: readonly string[];
  readonly keys: readonly Key[];
  readonly from?: readonly string[] | undefined;
  readonly to?: readonly string[] | undefined;
  readonly rows: number;
}

/** The primary key, in its order; empty for a table without one. */
export async function keysOf(side: OpenSide, table: string): Promise<Key[]> {
  return side.query<Key>(
    `select quote_ident(a.attname) as name, format_type(a.atttypid, a.atttypmod) as type
     from pg_index i, unnest(i.indkey::int2[]) with ordinality k(attnum, n)
     join pg_attribute a on a.attrelid = $1::text::regclass and a.attnum = k.attnum
     where i.indrelid = $1::text::regclass and i.indisprimary order by k.n`,
    [table],
  );
}

/** In the order of their names, since the order at the other side may differ. */
export async function columnsOf(side: OpenSide, table: string): Promise<string[]> {
  const rows = await side.query<{ name: string }>(
    `select quote_ident(attname) as name from pg_attribute
     where attrelid = $1::text::regclass and attnum > 0 and not attisdropped order by attname`,
    [table],
  );
  return rows.map((row) => row.name);
}

/** How many rows, and a sum that does not depend on their order. Equal rows twice count twice. */
export function rangeSql({ table, columns, keys, from, to }: Range): { text: string; where: string; values: string[] } {
  const values: string[] = [];
  const names = keys.map((key) => key.name).join(", ");
  const row = (texts: readonly string[]) =>
    keys.map((key, index) => `$${values.push(texts[index] ?? "")}::text::${key.type}`).join(", ");
  const conditions = [
    ...(from === undefined ? [] : [`(${names}) > (${row(from)})`]),
    ...(to === undefined ? [] : [`(${names}) <= (${row(to)})`]),
  ];
  const where = conditions.length === 0 ? "" : `where ${conditions.join(" and ")}`;
  const content = columns.length === 0 ? "''" : `row(${columns.join(", ")})::text`;
  const text = `select count(*)::int as rows, coalesce(sum(hashtextextended(${content} collate "C", 0)::numeric), 0)::text as sum
    from only ${table} ${where}`;
  return { text, where, values };
}
