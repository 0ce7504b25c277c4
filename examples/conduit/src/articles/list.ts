import type { Kysely } from "kysely";
import type { Database } from "../../schema.ts";
import { MOST_ENTRIES, type Page } from "../input.ts";
import { type Prepared, prepare } from "../prepared.ts";
import { type Filter, followed, matching, type Source } from "./sources.ts";
import { ARTICLE, type ArticleRow, flagsFor, toArticle } from "./view.ts";

/** What the statement of a list is run with; what a list does not need is left empty. */
export interface Values extends Page {
  readonly tag: string;
  readonly author: string;
  readonly favorited: string;
  readonly viewer: number;
  /** How many articles of each followed author a feed may need. */
  readonly reach: number;
}

type Row = ArticleRow & { total: number; id: number | null };

/**
 * The limits that statements are made for; the next larger one serves any other. They stand in the statement itself:
 * for a limit that it does not know, PostgreSQL expects a tenth of the table and plans anew for each request.
 */
const LIMITS = [5, 10, 20, 50];

/** Lists articles, newest first, with the number of all that match; one statement a list. */
export function articleLists(db: Kysely<Database>) {
  const statements = new Map<string, Prepared<Values, Row>>();

  async function run(shape: string, source: (values: Values, limits: Page) => Source, values: Omit<Values, "reach">) {
    const known = values.viewer !== 0;
    const limit = LIMITS.find((most) => most >= values.limit) ?? MOST_ENTRIES;
    const first = values.offset === 0;
    const key = `${shape} ${known} ${limit} ${first}`;
    let statement = statements.get(key);
    if (statement === undefined) {
      statement = prepare<Values, Row>(db, (v) => {
        const limits = { limit, offset: first ? 0 : v.offset };
        return listQuery(db, source(v, limits), known ? v.viewer : undefined);
      });
      statements.set(key, statement);
    }
    const rows = await statement.run({ ...values, reach: limit + values.offset });
    const articles = rows.filter((row) => row.id !== null).slice(0, values.limit);
    return { articles: articles.map(toArticle), articlesCount: rows[0]?.total ?? 0 };
  }

  return {
    recent(filter: Filter, page: Page, viewer = 0) {
      const { tag = "", author = "", favorited = "" } = filter;
      const by = {
        tag: filter.tag !== undefined,
        author: filter.author !== undefined,
        favorited: filter.favorited !== undefined,
      };
      const values = { ...page, tag, author, favorited, viewer };
      return run(JSON.stringify(by), (v, limits) => matching(by, v, limits), values);
    },
    feed(page: Page, viewer: number) {
      const values = { ...page, tag: "", author: "", favorited: "", viewer };
      return run("feed", followed, values);
    },
  };
}

/** The total stands in each row, and alone in one row when the page is empty. */
function listQuery(db: Kysely<Database>, { page, total }: Source, viewer: number | undefined) {
  return db
    .selectFrom(total.as("counted"))
    .leftJoin(
      (eb) =>
        eb
          .selectFrom(page.as("page"))
          .innerJoin("articles as a", (join) =>
            join.onRef("a.author_id", "=", "page.author_id").onRef("a.id", "=", "page.id"),
          )
          .innerJoin("users as u", "u.id", "a.author_id")
          .select(["a.id", ...ARTICLE])
          .select(flagsFor(viewer))
          .as("article"),
      (join) => join.onTrue(),
    )
    .select("counted.total")
    .selectAll("article")
    .orderBy("article.id", "desc")
    .$castTo<Row>();
}
