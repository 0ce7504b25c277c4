import type { FastifyInstance } from "fastify";
import { type Kysely, sql } from "kysely";
import type { Database } from "../../schema.ts";
import { notificationsAnswer } from "../http/answers.ts";
import { signedIn } from "../http/authentication.ts";
import type { Parts } from "../http/parts.ts";
import { type Page, readPage } from "../input.ts";
import { prepare } from "../prepared.ts";
import { notFound } from "../problems.ts";

interface Row {
  id: number | null;
  created_at: Date;
  read_at: Date | null;
  slug: string;
  title: string;
  username: string;
  image: string | null;
  total: number;
  unread: number;
}

/** Notifications of new articles by followed authors, newest first. */
export function notificationRoutes(app: FastifyInstance, { db, auth }: Parts): void {
  const list = prepare<Page & { viewer: number }, Row>(db, (v) => listQuery(db, v));
  const unread = (viewer: number) =>
    db
      .updateTable("notifications")
      .set({ read_at: sql<Date>`clock_timestamp()` })
      .where("user_id", "=", viewer)
      .where("read_at", "is", null);

  app.get<{ Querystring: Readonly<Record<string, unknown>> }>(
    "/notifications",
    { ...notificationsAnswer, onRequest: auth.required },
    async (request) => {
      const rows = await list.run({ ...readPage(request.query), viewer: signedIn(request) });
      return {
        notifications: rows.filter((row) => row.id !== null).map(toNotification),
        notificationsCount: rows[0]?.total ?? 0,
        unreadCount: rows[0]?.unread ?? 0,
      };
    },
  );

  app.post("/notifications/read", { onRequest: auth.required }, async (request, reply) => {
    await unread(signedIn(request)).execute();
    return reply.code(204).send();
  });

  app.post<{ Params: { id: string } }>(
    "/notifications/:id/read",
    { onRequest: auth.required },
    async (request, reply) => {
      const viewer = signedIn(request);
      const id = /^\d{1,9}$/.test(request.params.id) ? Number(request.params.id) : 0;
      const found = await db
        .updateTable("notifications")
        .set((row) => ({ read_at: row.fn.coalesce("read_at", sql<Date>`clock_timestamp()`) }))
        .where("user_id", "=", viewer)
        .where("id", "=", id)
        .returning("id")
        .executeTakeFirst();
      if (found === undefined) throw notFound("notification");
      return reply.code(204).send();
    },
  );
}

/** The counts stand in each row, and alone in one row when the page is empty. */
function listQuery(db: Kysely<Database>, v: Page & { viewer: number }) {
  return db
    .selectFrom((eb) =>
      eb
        .selectFrom("notifications as c")
        .select((row) => [
          row.cast<number>(row.fn.countAll(), "integer").as("total"),
          row.cast<number>(row.fn.countAll().filterWhere("c.read_at", "is", null), "integer").as("unread"),
        ])
        .where("c.user_id", "=", v.viewer)
        .as("counted"),
    )
    .leftJoin(
      (eb) =>
        eb
          .selectFrom("notifications as n")
          .innerJoin("articles as a", (join) =>
            join.onRef("a.author_id", "=", "n.owner_id").onRef("a.id", "=", "n.article_id"),
          )
          .innerJoin("users as u", "u.id", "a.author_id")
          .select(["n.id", "n.created_at", "n.read_at", "a.slug", "a.title", "u.username", "u.image"])
          .where("n.user_id", "=", v.viewer)
          .orderBy("n.id", "desc")
          .limit(v.limit)
          .offset(v.offset)
          .as("page"),
      (join) => join.onTrue(),
    )
    .selectAll()
    .orderBy("page.id", "desc")
    .$castTo<Row>();
}

function toNotification(row: Row) {
  return {
    id: row.id,
    createdAt: row.created_at,
    read: row.read_at !== null,
    article: { slug: row.slug, title: row.title },
    author: { username: row.username, image: row.image },
  };
}
