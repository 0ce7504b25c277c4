import { expressionBuilder, sql, type Transaction } from "kysely";
import type { Database } from "../../schema.ts";

/**
 * How many articles there are, in all and per tag, is counted as they come and go: counting 100,000 rows for each list would
 * be slow. A count is the sum of one row per slot, so that authors who publish at the same moment seldom wait for each other.
 */
const SLOTS = [0, 1, 2, 3, 4, 5, 6, 7];

/** Stands for all articles in `tag_counts`; no tag is empty. */
export const ALL = "";

/** The slot that an author's articles count in. */
export const slotOf = (authorId: number) => authorId % SLOTS.length;

/** The names that an article with these tags counts under, sorted: rows locked in one order never deadlock. */
export const countedUnder = (tags: readonly string[]) => [ALL, ...tags].sort();

/** A query for the number of articles with a tag, or of {@link ALL}. */
export function countOf(tag: string) {
  const eb = expressionBuilder<Database>();
  return eb
    .selectFrom("tag_counts")
    .select((row) => row.cast<number>(row.fn.coalesce(row.fn.sum("articles"), row.lit(0)), "integer").as("total"))
    .where((row) =>
      row(
        "slot",
        "in",
        SLOTS.map((slot) => row.lit(slot)),
      ),
    )
    .where("tag", "=", tag);
}

/** Counts articles of one author up (1) or down (-1) under the names given. */
export async function addToCounts(
  trx: Transaction<Database>,
  authorId: number,
  changes: ReadonlyMap<string, 1 | -1>,
): Promise<void> {
  if (changes.size === 0) return;
  const slot = slotOf(authorId);
  const rows = [...changes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([tag, articles]) => ({ slot, tag, articles }));
  await trx
    .insertInto("tag_counts")
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(["slot", "tag"]).doUpdateSet((row) => ({
        articles: sql<number>`${row.ref("tag_counts.articles")} + ${row.ref("excluded.articles")}`,
      })),
    )
    .execute();
}
