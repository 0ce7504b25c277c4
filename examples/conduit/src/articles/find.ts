import type { Kysely } from "kysely";
import type { Database } from "../../schema.ts";
import { prepare } from "../prepared.ts";
import { notFound } from "../problems.ts";
import { ARTICLE, type ArticleRow, flagsFor, toArticle } from "./view.ts";

/** Finds one article by its slug, as the viewer sees it. Throws a 404. */
export function articleBySlug(db: Kysely<Database>) {
  const query = (slug: string, viewer: number | undefined) =>
    db
      .selectFrom("articles as a")
      .innerJoin("users as u", "u.id", "a.author_id")
      .select([...ARTICLE, "a.body"])
      .select(flagsFor(viewer))
      .where("a.slug", "=", slug)
      .$castTo<ArticleRow>();
  const forStranger = prepare<{ slug: string }, ArticleRow>(db, (v) => query(v.slug, undefined));
  const forViewer = prepare<{ slug: string; viewer: number }, ArticleRow>(db, (v) => query(v.slug, v.viewer));

  return async (slug: string, viewer: number | undefined) => {
    const [row] = viewer === undefined ? await forStranger.run({ slug }) : await forViewer.run({ slug, viewer });
    if (row === undefined) throw notFound("article");
    return toArticle(row);
  };
}
