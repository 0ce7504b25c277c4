import { type Kysely, sql } from "kysely";
import type { Database } from "../../schema.ts";
import { followsAuthor } from "../articles/view.ts";
import { prepare } from "../prepared.ts";

/** A comment with its author. In a list, an article without comments gives one row without an id. */
export interface CommentRow {
  id: number | null;
  created_at: Date;
  body: string;
  username: string;
  bio: string | null;
  image: string | null;
  following: boolean;
}

const AUTHOR = ["u.username", "u.bio", "u.image"] as const;

export function commentStatements(db: Kysely<Database>) {
  /** Comments of an article, newest first; no row at all when there is no such article. */
  const list = prepare<{ slug: string; viewer: number }, CommentRow>(db, (v) =>
    db
      .selectFrom("articles as a")
      .leftJoin("comments as c", (join) =>
        join.onRef("c.owner_id", "=", "a.author_id").onRef("c.article_id", "=", "a.id"),
      )
      .leftJoin("users as u", "u.id", "c.author_id")
      .select(["c.id", "c.created_at", "c.body", ...AUTHOR])
      .select(followsAuthor(v.viewer).as("following"))
      .where("a.slug", "=", v.slug)
      .orderBy("c.id", "desc")
      .$castTo<CommentRow>(),
  );

  /** Adds a comment; no row when there is no such article. */
  const add = prepare<{ slug: string; viewer: number; body: string }, CommentRow>(db, (v) =>
    db
      .with("added", (cte) =>
        cte
          .insertInto("comments")
          .columns(["owner_id", "article_id", "author_id", "body"])
          .expression((eb) =>
            eb
              .selectFrom("articles as a")
              .select([
                "a.author_id",
                "a.id",
                sql<number>`${v.viewer}::integer`.as("by"),
                sql<string>`${v.body}`.as("body"),
              ])
              .where("a.slug", "=", v.slug),
          )
          .returning(["id", "created_at", "body"]),
      )
      .selectFrom("added as c")
      .innerJoin("users as u", (join) => join.on("u.id", "=", v.viewer))
      .select(["c.id", "c.created_at", "c.body", ...AUTHOR])
      .select(followsAuthor(v.viewer).as("following"))
      .$castTo<CommentRow>(),
  );

  /** Removes the comment if it is the viewer's, and says whose it was (null: there is none); no row without the article. */
  const remove = prepare<{ slug: string; viewer: number; id: number }, { author_id: number | null }>(db, (v) =>
    db
      .with("found", (cte) =>
        cte
          .selectFrom("articles as a")
          .leftJoin("comments as c", (join) =>
            join.onRef("c.owner_id", "=", "a.author_id").onRef("c.article_id", "=", "a.id").on("c.id", "=", v.id),
          )
          .select(["a.author_id as owner_id", "a.id as article_id", "c.author_id"])
          .where("a.slug", "=", v.slug),
      )
      .with("removed", (cte) =>
        cte
          .deleteFrom("comments as c")
          .using("found")
          .whereRef("c.owner_id", "=", "found.owner_id")
          .whereRef("c.article_id", "=", "found.article_id")
          .where("c.id", "=", v.id)
          .where("c.author_id", "=", v.viewer),
      )
      .selectFrom("found")
      .select("found.author_id"),
  );

  return { list, add, remove };
}
