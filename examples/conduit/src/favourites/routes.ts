import type { FastifyInstance } from "fastify";
import { type Kysely, sql } from "kysely";
import type { Database } from "../../schema.ts";
import { slugIn } from "../articles/routes.ts";
import { ARTICLE, type ArticleRow, followsAuthor, toArticle } from "../articles/view.ts";
import { articleAnswer } from "../http/answers.ts";
import { signedIn } from "../http/authentication.ts";
import type { Parts } from "../http/parts.ts";
import { type Prepared, prepare } from "../prepared.ts";
import { notFound } from "../problems.ts";

interface Values {
  slug: string;
  viewer: number;
}

interface Named {
  Params: { slug: string };
}

export function favouriteRoutes(app: FastifyInstance, { db, auth }: Parts): void {
  const favourite = prepare<Values, ArticleRow>(db, (v) => changeOf(db, v, true));
  const unfavourite = prepare<Values, ArticleRow>(db, (v) => changeOf(db, v, false));

  const answer = async (statement: Prepared<Values, ArticleRow>, params: { slug: string }, viewer: number) => {
    const [row] = await statement.run({ slug: slugIn(params), viewer });
    if (row === undefined) throw notFound("article");
    return { article: toArticle(row) };
  };

  app.post<Named>("/articles/:slug/favorite", { ...articleAnswer, onRequest: auth.required }, (request) =>
    answer(favourite, request.params, signedIn(request)),
  );
  app.delete<Named>("/articles/:slug/favorite", { ...articleAnswer, onRequest: auth.required }, (request) =>
    answer(unfavourite, request.params, signedIn(request)),
  );
}

/**
 * One statement that adds or removes the favourite, keeps the article's count and reads the article. The count is taken
 * from the update where there was one, as the rest of the statement sees the article as it was before.
 */
function changeOf(db: Kysely<Database>, v: Values, favorited: boolean) {
  return db
    .with("target", (cte) => cte.selectFrom("articles").select(["author_id", "id"]).where("slug", "=", v.slug))
    .with("changed", (cte) => {
      const target = cte.selectFrom("target");
      if (favorited) {
        return cte
          .insertInto("favourites")
          .columns(["user_id", "owner_id", "article_id"])
          .expression(target.select([sql<number>`${v.viewer}::integer`.as("by"), "target.author_id", "target.id"]))
          .onConflict((conflict) => conflict.doNothing())
          .returning("article_id");
      }
      return cte
        .deleteFrom("favourites")
        .where("user_id", "=", v.viewer)
        .where("owner_id", "=", target.select("target.author_id"))
        .where("article_id", "=", target.select("target.id"))
        .returning("article_id");
    })
    .with("counted", (cte) =>
      cte
        .updateTable("articles as n")
        .from(["target", "changed"])
        .set((eb) => ({ favourites_count: eb("n.favourites_count", favorited ? "+" : "-", eb.lit(1)) }))
        .whereRef("n.author_id", "=", "target.author_id")
        .whereRef("n.id", "=", "target.id")
        .returning("n.favourites_count"),
    )
    .selectFrom("articles as a")
    .innerJoin("users as u", "u.id", "a.author_id")
    .leftJoin("counted as n", (join) => join.onTrue())
    .select([...ARTICLE, "a.body"])
    .select((eb) => [
      eb.fn.coalesce("n.favourites_count", "a.favourites_count").as("favourites_count"),
      eb.lit(favorited).as("favorited"),
      followsAuthor(v.viewer).as("following"),
    ])
    .where("a.slug", "=", v.slug)
    .$castTo<ArticleRow>();
}
