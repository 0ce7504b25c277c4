import { type Kysely, sql, type Transaction } from "kysely";
import type { Database } from "../../schema.ts";
import { forbidden, isDuplicate, notFound } from "../problems.ts";
import { addToCounts, countedUnder } from "./counts.ts";
import { distinctSlug, slugOf } from "./slug.ts";

export interface Revision {
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly body?: string | undefined;
  readonly tags?: readonly string[] | undefined;
}

/** Changes an article of the author's own and gives its slug, which follows the title. Throws a 404 or 403. */
export function reviser(db: Kysely<Database>) {
  const attempt = (authorId: number, slug: string, revision: Revision, name: (title: string) => string) =>
    db.transaction().execute(async (trx) => {
      const article = await ownArticle(trx, authorId, slug);
      const { tags, ...texts } = revision;
      const renamed = texts.title !== undefined && slugOf(texts.title) !== slugOf(article.title);
      const next = renamed && texts.title !== undefined ? name(texts.title) : slug;
      await trx
        .updateTable("articles")
        .set({ ...texts, slug: next, ...(tags && { tag_list: [...tags] }), updated_at: sql`clock_timestamp()` })
        .where("author_id", "=", authorId)
        .where("id", "=", article.id)
        .execute();
      if (tags !== undefined) await retag(trx, authorId, article, tags);
      return next;
    });

  return async (authorId: number, slug: string, revision: Revision) => {
    try {
      return await attempt(authorId, slug, revision, slugOf);
    } catch (error) {
      if (!isDuplicate(error)) throw error;
      return await attempt(authorId, slug, revision, (title) => distinctSlug(slugOf(title)));
    }
  };
}

/** Removes an article of the author's own with all that hangs on it. Throws a 404 or 403. */
export function remover(db: Kysely<Database>) {
  return (authorId: number, slug: string) =>
    db.transaction().execute(async (trx) => {
      const { id, tag_list } = await ownArticle(trx, authorId, slug);
      await trx
        .updateTable("users")
        .set((row) => ({ articles_count: row("articles_count", "-", 1) }))
        .where("id", "=", authorId)
        .execute();
      await trx.deleteFrom("notifications").where("article_id", "=", id).execute();
      await trx.deleteFrom("articles").where("author_id", "=", authorId).where("id", "=", id).execute();
      await addToCounts(trx, authorId, new Map(countedUnder(tag_list).map((tag) => [tag, -1])));
    });
}

/** Locks the article until the transaction ends. */
async function ownArticle(trx: Transaction<Database>, authorId: number, slug: string) {
  const article = await trx
    .selectFrom("articles")
    .select(["id", "author_id", "title", "tag_list"])
    .where("slug", "=", slug)
    .forUpdate()
    .executeTakeFirst();
  if (article === undefined) throw notFound("article");
  if (article.author_id !== authorId) throw forbidden("article");
  return article;
}

async function retag(
  trx: Transaction<Database>,
  authorId: number,
  article: { id: number; tag_list: readonly string[] },
  tags: readonly string[],
): Promise<void> {
  const before = new Set(article.tag_list);
  const gone = article.tag_list.filter((tag) => !tags.includes(tag));
  const added = tags.filter((tag) => !before.has(tag));
  if (gone.length > 0) {
    await trx
      .deleteFrom("article_tags")
      .where("owner_id", "=", authorId)
      .where("article_id", "=", article.id)
      .where("tag", "in", gone)
      .execute();
  }
  if (added.length > 0) {
    const rows = added.map((tag) => ({ owner_id: authorId, article_id: article.id, tag }));
    await trx.insertInto("article_tags").values(rows).execute();
  }
  const changes = [...gone.map((tag) => [tag, -1] as const), ...added.map((tag) => [tag, 1] as const)];
  await addToCounts(trx, authorId, new Map(changes));
}
