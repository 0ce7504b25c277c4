import type { PoolClient } from "pg";
import {
  articleAnswer,
  articlesAnswer,
  newArticleAnswer,
  tagsAnswer,
} from "../../examples/conduit/src/http/answers.ts";
import { type Parts, refuse } from "./auth.ts";

interface Row {
  slug: string;
  title: string;
  description: string;
  body: string;
  tag_list: string[];
  created_at: Date;
  updated_at: Date;
  favourites_count: number;
  favorited: boolean;
  username: string;
  bio: string | null;
  image: string | null;
  following: boolean;
}

const COLUMNS = `a.slug, a.title, a.description, a.tag_list, a.created_at, a.updated_at, a.favourites_count,
  u.username, u.bio, u.image,
  exists (select 1 from favourites f where f.user_id = $1 and f.article_id = a.id) as favorited,
  exists (select 1 from follows f where f.follower_id = $1 and f.followee_id = u.id) as following`;
const SLOTS = 8;

const toArticle = (row: Row) => ({
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
});

const pageOf = {
  type: "object",
  properties: {
    limit: { type: "integer", minimum: 1, maximum: 100, default: 20 },
    offset: { type: "integer", minimum: 0, default: 0 },
  },
};
const texts = (...names: string[]) => ({
  type: "object",
  required: names,
  properties: Object.fromEntries(names.map((name) => [name, { type: "string", minLength: 1 }])),
});

interface Paged {
  Querystring: { limit: number; offset: number };
}
interface Named {
  Params: { slug: string };
}

export function articleRoutes({ app, pool, auth }: Parts): void {
  const find = async (slug: string, viewer: number) => {
    const { rows } = await pool.query<Row>({
      name: "article",
      text: `select ${COLUMNS}, a.body from articles a join users u on u.id = a.author_id where a.slug = $2`,
      values: [viewer, slug],
    });
    if (rows[0] === undefined) throw refuse(404, "article not found");
    return toArticle(rows[0]);
  };
  const transaction = async <T>(work: (client: PoolClient) => Promise<T>): Promise<T> => {
    const client = await pool.connect();
    try {
      await client.query("begin");
      const result = await work(client);
      await client.query("commit");
      return result;
    } catch (error) {
      await client.query("rollback");
      throw error;
    } finally {
      client.release();
    }
  };

  app.get<Paged>("/api/articles", { schema: { ...articlesAnswer.schema, querystring: pageOf } }, async (request) => {
    const { limit, offset } = request.query;
    const [page, count] = await Promise.all([
      pool.query<Row>({
        name: "articles",
        text: `select ${COLUMNS} from articles a join users u on u.id = a.author_id
          order by a.id desc limit $2 offset $3`,
        values: [auth.viewer(request), limit, offset],
      }),
      pool.query<{ total: number }>({
        name: "articles count",
        text: "select coalesce(sum(articles), 0)::integer as total from tag_counts where tag = ''",
      }),
    ]);
    return { articles: page.rows.map(toArticle), articlesCount: count.rows[0]?.total };
  });

  app.get<Paged>(
    "/api/articles/feed",
    { schema: { ...articlesAnswer.schema, querystring: pageOf } },
    async (request) => {
      const viewer = auth.required(request);
      const { limit, offset } = request.query;
      const [page, count] = await Promise.all([
        pool.query<Row>({
          name: "feed",
          text: `select ${COLUMNS} from articles a join users u on u.id = a.author_id
          where a.author_id in (select followee_id from follows where follower_id = $1)
          order by a.id desc limit $2 offset $3`,
          values: [viewer, limit, offset],
        }),
        pool.query<{ total: number }>({
          name: "feed count",
          text: `select coalesce(sum(u.articles_count), 0)::integer as total
          from follows f join users u on u.id = f.followee_id where f.follower_id = $1`,
          values: [viewer],
        }),
      ]);
      return { articles: page.rows.map(toArticle), articlesCount: count.rows[0]?.total };
    },
  );

  app.get<Named>("/api/articles/:slug", articleAnswer, async (request) => ({
    article: await find(request.params.slug, auth.viewer(request)),
  }));

  app.post<{ Body: { article: { title: string; description: string; body: string; tagList?: string[] } } }>(
    "/api/articles",
    {
      schema: {
        ...newArticleAnswer.schema,
        body: { type: "object", required: ["article"], properties: { article: texts("title", "description", "body") } },
      },
    },
    async (request, reply) => {
      const viewer = auth.required(request);
      const { title, description, body, tagList = [] } = request.body.article;
      const slug = title.toLowerCase().replace(/[^a-z0-9]+/g, "-");
      await transaction(async (client) => {
        const { rows } = await client.query<{ id: number }>({
          name: "publish",
          text: `insert into articles (author_id, slug, title, description, body, tag_list)
            values ($1, $2, $3, $4, $5, $6) returning id`,
          values: [viewer, slug, title, description, body, tagList],
        });
        const id = rows[0]?.id;
        await client.query({
          name: "tag",
          text: "insert into article_tags (owner_id, article_id, tag) select $1, $2, unnest($3::text[])",
          values: [viewer, id, tagList],
        });
        await client.query({
          name: "count author",
          text: "update users set articles_count = articles_count + 1 where id = $1",
          values: [viewer],
        });
        await client.query({
          name: "count tags",
          text: `insert into tag_counts as c (slot, tag, articles) select $1, unnest($2::text[]), 1
            on conflict (slot, tag) do update set articles = c.articles + 1`,
          values: [viewer % SLOTS, ["", ...tagList].sort()],
        });
        await client.query({
          name: "enqueue",
          text: "select graphile_worker.add_job('notifyFollowers', $1)",
          values: [{ payload: { authorId: viewer, articleId: id } }],
        });
      });
      reply.code(201);
      return { article: await find(slug, viewer) };
    },
  );

  app.post<Named>("/api/articles/:slug/favorite", articleAnswer, async (request) => {
    const viewer = auth.required(request);
    const { slug } = request.params;
    await transaction(async (client) => {
      const { rowCount } = await client.query({
        name: "favourite",
        text: `insert into favourites (user_id, owner_id, article_id)
          select $1, author_id, id from articles where slug = $2 on conflict do nothing`,
        values: [viewer, slug],
      });
      if (rowCount === 0) return;
      await client.query({
        name: "count favourite",
        text: "update articles set favourites_count = favourites_count + 1 where slug = $1",
        values: [slug],
      });
    });
    return { article: await find(slug, viewer) };
  });

  app.delete<Named>("/api/articles/:slug/favorite", articleAnswer, async (request) => {
    const viewer = auth.required(request);
    const { slug } = request.params;
    await transaction(async (client) => {
      const { rowCount } = await client.query({
        name: "unfavourite",
        text: `delete from favourites f using articles a
          where a.slug = $2 and f.user_id = $1 and f.owner_id = a.author_id and f.article_id = a.id`,
        values: [viewer, slug],
      });
      if (rowCount === 0) return;
      await client.query({
        name: "uncount favourite",
        text: "update articles set favourites_count = favourites_count - 1 where slug = $1",
        values: [slug],
      });
    });
    return { article: await find(slug, viewer) };
  });

  app.get("/api/tags", tagsAnswer, async () => {
    const { rows } = await pool.query<{ tag: string }>({
      name: "tags",
      text: `select tag from tag_counts where tag <> '' group by tag having sum(articles) > 0
        order by sum(articles) desc, tag`,
    });
    return { tags: rows.map((row) => row.tag) };
  });
}
