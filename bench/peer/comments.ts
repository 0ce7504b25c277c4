import { commentsAnswer, newCommentAnswer } from "../../examples/conduit/src/http/answers.ts";
import { type Parts, refuse } from "./auth.ts";

interface Named {
  Params: { slug: string };
}

const newComment = {
  type: "object",
  required: ["comment"],
  properties: {
    comment: { type: "object", required: ["body"], properties: { body: { type: "string", minLength: 1 } } },
  },
};

export function commentRoutes({ app, pool, auth }: Parts): void {
  const articleKey = async (slug: string) => {
    const { rows } = await pool.query<{ author_id: number; id: number }>({
      name: "article key",
      text: "select author_id, id from articles where slug = $1",
      values: [slug],
    });
    if (rows[0] === undefined) throw refuse(404, "article not found");
    return rows[0];
  };
  const COMMENT = `c.id, c.body, c.created_at as "createdAt", c.created_at as "updatedAt", json_build_object(
    'username', u.username, 'bio', u.bio, 'image', u.image, 'following',
    exists (select 1 from follows f where f.follower_id = $1 and f.followee_id = u.id)) as author`;

  app.get<Named>("/api/articles/:slug/comments", commentsAnswer, async (request) => {
    const { author_id, id } = await articleKey(request.params.slug);
    const { rows } = await pool.query({
      name: "comments",
      text: `select ${COMMENT} from comments c join users u on u.id = c.author_id
        where c.owner_id = $2 and c.article_id = $3 order by c.id desc`,
      values: [auth.viewer(request), author_id, id],
    });
    return { comments: rows };
  });

  app.post<Named & { Body: { comment: { body: string } } }>(
    "/api/articles/:slug/comments",
    { schema: { ...newCommentAnswer.schema, body: newComment } },
    async (request, reply) => {
      const viewer = auth.required(request);
      const { author_id, id } = await articleKey(request.params.slug);
      const { rows } = await pool.query({
        name: "comment",
        text: `with c as (
            insert into comments (owner_id, article_id, author_id, body) values ($2, $3, $1, $4) returning *
          ) select ${COMMENT} from c join users u on u.id = c.author_id`,
        values: [viewer, author_id, id, request.body.comment.body],
      });
      reply.code(201);
      return { comment: rows[0] };
    },
  );
}
