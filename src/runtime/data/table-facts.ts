import { type Kysely, sql } from "kysely";
import type { Problem } from "../../topology/problem.ts";
import { closest } from "../../topology/suggest.ts";
import type { TableFact, TableFacts } from "../service.ts";

/** A table as PostgreSQL knows it. */
export interface RealTable {
  readonly columns: readonly string[];
  /** Columns of each index that keeps them unique in the whole table: the primary key and unique indexes. */
  readonly unique: ReadonlyArray<readonly string[]>;
}

/**
 * Compares what a service says about its tables with the schema as it is, and gives every difference; empty when all
 * hold. Needs no right but to connect.
 */
export async function checkTableFacts<DB>(db: Kysely<DB>, facts: TableFacts<DB>): Promise<Problem[]> {
  const names = Object.keys(facts);
  if (names.length === 0) return [];
  const tables = await readTables(db, names);
  return compareTableFacts(facts as Record<string, TableFact<unknown>>, tables);
}

/** The comparison alone. */
export function compareTableFacts(
  facts: Readonly<Record<string, TableFact<unknown>>>,
  tables: ReadonlyMap<string, RealTable>,
): Problem[] {
  return Object.entries(facts).flatMap(([name, fact]) => {
    const at = `tables.${name}`;
    const table = tables.get(name);
    if (table !== undefined)
      return [...unknownFacts(at, fact), ...keyProblems(at, fact, table), ...uniqueProblems(at, fact, table)];
    return [
      {
        at,
        says: `there is no table \`${name}\` in the database`,
        fix: "create it in a migration, or remove the fact",
      },
    ];
  });
}

const FACTS = ["key", "unique", "everywhere"];

function unknownFacts(at: string, fact: TableFact<unknown>): Problem[] {
  return Object.keys(fact)
    .filter((name) => !FACTS.includes(name))
    .map((name) => ({
      at: `${at}.${name}`,
      says: `\`${name}\` is not a fact about a table`,
      fix: `use one of ${FACTS.join(", ")}`,
    }));
}

function keyProblems(
  at: string,
  { key, everywhere }: { key?: string; everywhere?: unknown },
  table: RealTable,
): Problem[] {
  const problems: Problem[] = [];
  if (everywhere !== undefined && everywhere !== true) {
    problems.push({
      at: `${at}.everywhere`,
      says: "it can only be `true`",
      fix: "write `everywhere: true` or leave it out",
    });
  }
  if (key === undefined) return problems;
  if (everywhere !== undefined) {
    const says = "a table that is everywhere is not placed by a key";
    problems.push({ at: `${at}.everywhere`, says, fix: "remove `everywhere` or `key`" });
  }
  const missing = missingColumn(`${at}.key`, key, table);
  if (missing !== undefined) return [...problems, missing];
  if (!table.unique.some((columns) => columns.includes(key))) {
    problems.push({
      at: `${at}.key`,
      says: `\`${key}\` is in no primary key and in no unique index, so rows could not be told apart on their shards`,
      fix: `make \`${key}\` part of the primary key or of a unique index in a migration`,
    });
  }
  return problems;
}

function uniqueProblems(at: string, { unique = [] }: { unique?: readonly string[] }, table: RealTable): Problem[] {
  return unique.flatMap((column, i) => {
    const place = `${at}.unique[${i}]`;
    const missing = missingColumn(place, column, table);
    if (missing !== undefined) return [missing];
    if (table.unique.some((columns) => columns.length === 1 && columns[0] === column)) return [];
    return [
      {
        at: place,
        says: `\`${column}\` has no unique index of its own`,
        fix: `add one in a migration: create unique index on ${at.slice("tables.".length)} (${column})`,
      },
    ];
  });
}

function missingColumn(at: string, column: string, { columns }: RealTable): Problem | undefined {
  if (columns.includes(column)) return undefined;
  const near = closest(column, columns);
  const fix = near === undefined ? `use one of ${columns.join(", ")}` : `did you mean \`${near}\`?`;
  return { at, says: `the table has no column \`${column}\``, fix };
}

/** Indexes on expressions, on some of the rows, and those that are not valid yet keep nothing unique. */
async function readTables<DB>(db: Kysely<DB>, names: readonly string[]): Promise<Map<string, RealTable>> {
  const quoted = names.map((name) =>
    name
      .split(".")
      .map((part) => `"${part.replaceAll('"', '""')}"`)
      .join("."),
  );
  const { rows } = await sql<RealTable & { place: number }>`
    select asked.place::int, array(
        select attname::text from pg_attribute
        where attrelid = class.oid and attnum > 0 and not attisdropped order by attnum
      ) as columns, coalesce((
        select json_agg((
          select json_agg(attname order by position)
          from unnest(indkey::int2[]) with ordinality as part (number, position)
          join pg_attribute on attrelid = class.oid and attnum = number
          where position <= indnkeyatts
        ))
        from pg_index
        where indrelid = class.oid and indisunique and indisvalid and indpred is null and indexprs is null
      ), '[]') as unique
    from unnest(${quoted}::text[]) with ordinality as asked (name, place)
    join pg_class as class on class.oid = to_regclass(asked.name) and class.relkind in ('r', 'p')`.execute(db);
  return new Map(rows.map((row) => [names[row.place - 1] ?? "", row]));
}
