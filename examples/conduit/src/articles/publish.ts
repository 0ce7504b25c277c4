import { type Kysely, sql } from "kysely";
import type { Jobs } from "ninefold";
import type { Database } from "../../schema.ts";
import { countedUnder, slotOf } from "./counts.ts";
import { distinctSlug, slugOf } from "./slug.ts";
import { type ArticleRow, toArticle } from "./view.ts";

export interface NewArticle {
  readonly title: string;
  readonly description: string;
  readonly body: string;
  readonly tags: readonly string[];
}

type Published = ArticleRow & { id: number; has_followers: boolean };

/**
 * Publishes an article and, in the same transaction, the job that tells the author's followers (if there are any).
 * When the slug is taken, even at the same moment, the article gets one of its own.
 */
export function publisher(db: Kysely<Database>, jobs: Jobs<Database>) {
  return (authorId: number, article: NewArticle) =>
    db.transaction().execute(async (trx) => {
      const slug = slugOf(article.title);
      const row =
        (await insert(trx, authorId, slug, article)) ?? (await insert(trx, authorId, distinctSlug(slug), article));
      if (row === undefined) throw new Error(`no free slug was found for "${slug}"`);
      if (row.has_followers) await jobs.enqueue("notifyFollowers", { authorId, articleId: row.id }, { trx });
      return toArticle(row);
    });
}

/** Nothing comes back when the slug is taken. The author's row is locked before the counts, as in every other statement. */
async function insert(
  trx: Kysely<Database>,
  authorId: number,
  slug: string,
  { title, description, body, tags }: NewArticle,
): Promise<Published | undefined> {
  const { rows } = await sql<Published>`
    with article as (
      insert into articles (author_id, slug, title, description, body, tag_list)
      values (${authorId}, ${slug}, ${title}, ${description}, ${body}, ${tags})
      on conflict (slug) do nothing
      returning *
    ), author as (
      update users set articles_count = articles_count + 1
      where id = (select author_id from article)
      returning id, username, bio, image
    ), tagged as (
      insert into article_tags (owner_id, article_id, tag)
      select author_id, id, unnest(tag_list) from article
    ), counted as (
      insert into tag_counts as c (slot, tag, articles)
      select ${slotOf(authorId)}, name, 1 from article, unnest(${countedUnder(tags)}::text[]) as name
      on conflict (slot, tag) do update set articles = c.articles + 1
    )
    select a.*, u.username, u.bio, u.image, false as favorited,
      exists (select from follows f where f.follower_id = u.id and f.followee_id = u.id) as following,
      exists (select from follows f where f.followee_id = u.id) as has_followers
    from author u join article a on a.author_id = u.id`.execute(trx);
  return rows[0];
}
