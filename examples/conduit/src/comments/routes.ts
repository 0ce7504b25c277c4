import type { FastifyInstance } from "fastify";
import { slugIn } from "../articles/routes.ts";
import { commentsAnswer, newCommentAnswer } from "../http/answers.ts";
import { signedIn } from "../http/authentication.ts";
import type { Parts } from "../http/parts.ts";
import { Input } from "../input.ts";
import { forbidden, notFound } from "../problems.ts";
import { type CommentRow, commentStatements } from "./statements.ts";

interface OfArticle {
  Params: { slug: string };
}

interface OfComment {
  Params: { slug: string; id: string };
}

export function commentRoutes(app: FastifyInstance, { db, auth }: Parts): void {
  const { list, add, remove } = commentStatements(db);

  app.get<OfArticle>("/articles/:slug/comments", { ...commentsAnswer, onRequest: auth.optional }, async (request) => {
    const rows = await list.run({ slug: slugIn(request.params), viewer: request.viewer ?? 0 });
    if (rows.length === 0) throw notFound("article");
    return { comments: rows.filter((row) => row.id !== null).map(toComment) };
  });

  app.post<OfArticle>(
    "/articles/:slug/comments",
    { ...newCommentAnswer, onRequest: auth.required },
    async (request, reply) => {
      const viewer = signedIn(request);
      const input = new Input(request.body, "comment");
      const body = input.required("body", { max: 20_000 });
      input.check();
      const [row] = await add.run({ slug: slugIn(request.params), viewer, body });
      if (row === undefined) throw notFound("article");
      reply.code(201);
      return { comment: toComment(row) };
    },
  );

  app.delete<OfComment>("/articles/:slug/comments/:id", { onRequest: auth.required }, async (request, reply) => {
    const viewer = signedIn(request);
    const [row] = await remove.run({ slug: slugIn(request.params), viewer, id: idIn(request.params) });
    if (row === undefined) throw notFound("article");
    if (row.author_id === null) throw notFound("comment");
    if (row.author_id !== viewer) throw forbidden("comment");
    return reply.code(204).send();
  });
}

/** The comment's id in the address; 0, which no comment has, for anything but a possible id. */
function idIn({ id }: { id: string }): number {
  return /^\d{1,10}$/.test(id) && Number(id) <= 2_147_483_647 ? Number(id) : 0;
}

function toComment(row: CommentRow) {
  return {
    id: row.id,
    createdAt: row.created_at,
    updatedAt: row.created_at,
    body: row.body,
    author: { username: row.username, bio: row.bio, image: row.image, following: row.following },
  };
}
