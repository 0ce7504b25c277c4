import type { QueryResult } from "kysely";

/** What Kysely expects of a statement, from PostgreSQL's command tag: `INSERT 0 3`, `UPDATE 3`, `SELECT 10`. */
export function resultOf(tag: string, rows: unknown[]): QueryResult<never> {
  switch (tag.charCodeAt(0)) {
    case 0x49: // INSERT
    case 0x55: // UPDATE
    case 0x44: // DELETE, but also DROP, DECLARE and DISCARD
    case 0x4d: {
      // MERGE, but also MOVE
      const count = /^(?:INSERT 0|UPDATE|DELETE|MERGE) (\d+)$/.exec(tag)?.[1];
      if (count !== undefined) return { numAffectedRows: BigInt(count), rows: rows as never[] };
    }
  }
  return { rows: rows as never[] };
}
