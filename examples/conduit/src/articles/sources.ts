import { expressionBuilder, type SelectQueryBuilder, sql } from "kysely";
import type { Database } from "../../schema.ts";
import type { Page } from "../input.ts";
import { ALL, countOf } from "./counts.ts";
import type { Values } from "./list.ts";

/** What a list is narrowed to: the name of a tag, and usernames. */
export interface Filter {
  readonly tag?: string | undefined;
  readonly author?: string | undefined;
  readonly favorited?: string | undefined;
}

/** Which filters are in use. */
export type By = { readonly [Name in keyof Filter]-?: boolean };

/** The keys of the articles on one page, and a query for the number of all that match. */
export interface Source {
  // biome-ignore lint/suspicious/noExplicitAny: any query will do that gives these columns
  readonly page: SelectQueryBuilder<any, any, { author_id: number; id: number }>;
  // biome-ignore lint/suspicious/noExplicitAny: any query will do that gives this column
  readonly total: SelectQueryBuilder<any, any, { total: number }>;
}

const eb = expressionBuilder<Database>();

/** Articles that match all the filters in use. */
export function matching(by: By, values: Values, limits: Page): Source {
  let found = eb.selectFrom(narrowest(by, values).as("x")).select(["x.author_id", "x.id"]);
  if (by.author && by.favorited) found = found.where("x.author_id", "=", userId(values.author));
  if (by.tag && (by.author || by.favorited)) {
    found = found.where((x) =>
      x.exists(
        x
          .selectFrom("article_tags as t")
          .select("t.tag")
          .whereRef("t.owner_id", "=", "x.author_id")
          .whereRef("t.article_id", "=", "x.id")
          .where("t.tag", "=", values.tag),
      ),
    );
  }
  const counted = eb.selectFrom(found.as("y")).select((y) => y.cast<number>(y.fn.countAll(), "integer").as("total"));
  return {
    page: found.orderBy("x.id", "desc").limit(bound(limits.limit)).offset(bound(limits.offset)),
    total: knownTotal(by, values) ?? counted,
  };
}

/** Articles of the authors that the viewer follows: the newest of each, of which the newest of all. */
export function followed(values: Values, limits: Page): Source {
  const reach = limits.offset === 0 ? limits.limit : values.reach;
  const page = eb
    .selectFrom("follows as fo")
    .innerJoinLateral(
      (author) =>
        author
          .selectFrom("articles as f")
          .select(["f.author_id", "f.id"])
          .whereRef("f.author_id", "=", "fo.followee_id")
          .orderBy("f.id", "desc")
          .limit(bound(reach))
          .as("x"),
      (join) => join.onTrue(),
    )
    .where("fo.follower_id", "=", values.viewer)
    .select(["x.author_id", "x.id"])
    .orderBy("x.id", "desc")
    .limit(bound(limits.limit))
    .offset(bound(limits.offset));
  const total = eb
    .selectFrom("follows as fo")
    .innerJoin("users as w", "w.id", "fo.followee_id")
    .select((row) =>
      row.cast<number>(row.fn.coalesce(row.fn.sum("w.articles_count"), row.lit(0)), "integer").as("total"),
    )
    .where("fo.follower_id", "=", values.viewer);
  return { page, total };
}

/** The articles of the filter in use that leaves the fewest, as a rule. */
function narrowest(by: By, values: Values) {
  if (by.favorited) {
    return eb
      .selectFrom("favourites")
      .select(["owner_id as author_id", "article_id as id"])
      .where("user_id", "=", userId(values.favorited));
  }
  if (by.author)
    return eb.selectFrom("articles").select(["author_id", "id"]).where("author_id", "=", userId(values.author));
  if (by.tag) {
    return eb
      .selectFrom("article_tags")
      .select(["owner_id as author_id", "article_id as id"])
      .where("tag", "=", values.tag);
  }
  return eb.selectFrom("articles").select(["author_id", "id"]);
}

/** A total that is kept counted, if there is one for these filters. */
function knownTotal(by: By, values: Values) {
  if (by.favorited || (by.author && by.tag)) return undefined;
  if (by.author) return eb.selectFrom("users").select("articles_count as total").where("username", "=", values.author);
  return countOf(by.tag ? values.tag : ALL);
}

const userId = (username: string) => eb.selectFrom("users").select("id").where("username", "=", username);

/**
 * A number in the statement itself, or a placeholder in a query of its own: PostgreSQL looks into no such query when it plans,
 * and so keeps one plan for all values.
 */
function bound(value: number) {
  return typeof value === "number" ? eb.lit(value) : sql<number>`(select ${value}::bigint)`;
}
