import { type ExpressionBuilder, expressionBuilder } from "kysely";
import type { Database } from "../../schema.ts";

/** One article with its author, as the queries of this folder give it. */
export interface ArticleRow {
  slug: string;
  title: string;
  description: string;
  body?: string;
  tag_list: string[];
  favourites_count: number;
  created_at: Date;
  updated_at: Date;
  username: string;
  bio: string | null;
  image: string | null;
  favorited: boolean;
  following: boolean;
}

/** The columns of an article without its body, of tables joined as `a` (articles) and `u` (its author). */
export const ARTICLE = [
  "a.slug",
  "a.title",
  "a.description",
  "a.tag_list",
  "a.favourites_count",
  "a.created_at",
  "a.updated_at",
  "u.username",
  "u.bio",
  "u.image",
] as const;

type Joined = ExpressionBuilder<Database & { a: Database["articles"]; u: Database["users"] }, "a" | "u">;

/** Whether the viewer has favourited article `a` and follows author `u`; both false for a stranger. */
export function flagsFor(viewer: number | undefined) {
  const eb: Joined = expressionBuilder();
  if (viewer === undefined) return [eb.lit(false).as("favorited"), eb.lit(false).as("following")] as const;
  const favourite = eb
    .selectFrom("favourites as f")
    .select("f.article_id")
    .where("f.user_id", "=", viewer)
    .whereRef("f.article_id", "=", "a.id");
  return [eb.exists(favourite).as("favorited"), followsAuthor(viewer).as("following")] as const;
}

/** Whether the viewer follows user `u`. */
export function followsAuthor(viewer: number) {
  const eb: Joined = expressionBuilder();
  return eb.exists(
    eb
      .selectFrom("follows as fo")
      .select("fo.followee_id")
      .where("fo.follower_id", "=", viewer)
      .whereRef("fo.followee_id", "=", "u.id"),
  );
}

/** The article as the API gives it. */
export function toArticle(row: ArticleRow) {
  return {
    slug: row.slug,
    title: row.title,
    description: row.description,
    body: row.body,
    tagList: row.tag_list,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    favorited: row.favorited,
    favoritesCount: row.favourites_count,
    author: { username: row.username, bio: row.bio, image: row.image, following: row.following },
  };
}
