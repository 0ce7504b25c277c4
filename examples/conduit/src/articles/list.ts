import type { Kysely } from "kysely";
import type { Database } from "../../schema.ts";
import type { Page } from "../input.ts";
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

/** Limits that stand in the statement itself, as PostgreSQL plans badly for one that it does not know. */
const USUAL = [10, 20];

/** Lists articles, newest first, with the number of all that match; one statement a list. */
export function articleLists(db: Kysely<Database>) {
  const statements = new Map<string, Prepared<Values, Row>>();

  async function run(shape: string, source: (values: Values, limits: Page) => Source, values: Values) {
    const known = values.viewer !== 0;
    const usual = values.offset === 0 && USUAL.includes(values.limit);
    const key = `${shape} ${known} ${usual && values.limit}`;
    let statement = statements.get(key);
    if (statement === undefined) {
      statement = prepare<Values, Row>(db, (v) =>
        listQuery(db, source(v, usual ? values : v), known ? v.viewer : undefined),
      );
      statements.set(key, statement);
    }
    const rows = await statement.run(values);
    return { articles: rows.filter((row) => row.id !== null).map(toArticle), articlesCount: rows[0]?.total ?? 0 };
  }

  return {
    recent(filter: Filter, page: Page, viewer = 0) {
      const { tag = "", author = "", favorited = "" } = filter;
      const by = {
        tag: filter.tag !== undefined,
        author: filter.author !== undefined,
        favorited: filter.favorited !== undefined,
      };
      const values = { ...page, tag, author, favorited, viewer, reach: 0 };
      return run(JSON.stringify(by), (v, limits) => matching(by, v, limits), values);
    },
    feed(page: Page, viewer: number) {
      const values = { ...page, tag: "", author: "", favorited: "", viewer, reach: page.limit + page.offset };
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
