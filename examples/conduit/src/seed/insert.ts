import { type Kysely, sql, type Transaction } from "kysely";
import type { Database } from "../../schema.ts";
import { ALL, slotOf } from "../articles/counts.ts";

export interface SeedArticle {
  readonly author_id: number;
  readonly slug: string;
  readonly title: string;
  readonly description: string;
  readonly body: string;
  readonly tags: readonly string[];
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly fans: ReadonlySet<number>;
  /** In the order they were made. */
  readonly comments: readonly { readonly author: number; readonly body: string; readonly at: number }[];
}

/** Inserts users and gives their ids in the same order. */
export async function insertUsers(
  db: Kysely<Database>,
  users: readonly { username: string; email: string; bio: string | null }[],
  passwordHash: string,
): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    insert into users (username, email, password_hash, bio)
    select username, email, ${passwordHash}::text, bio
    from json_to_recordset(${JSON.stringify(users)}::json) as given (username text, email text, bio text)
    returning id`.execute(db);
  return rows.map((row) => row.id);
}

export async function insertFollows(db: Kysely<Database>, followers: number[], followees: number[]): Promise<void> {
  await sql`
    insert into follows (follower_id, followee_id)
    select * from unnest(${followers}::integer[], ${followees}::integer[])
    on conflict do nothing`.execute(db);
}

/** Inserts articles with all that hangs on them, and counts them, in one transaction. */
export async function insertArticles(db: Kysely<Database>, articles: readonly SeedArticle[]): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const ids = await insertTexts(trx, articles);
    const owners = articles.map((article) => article.author_id);
    await insertFavourites(trx, articles, owners, ids);
    await insertComments(trx, articles, owners, ids);
    await count(trx, articles);
  });
}

async function insertTexts(trx: Transaction<Database>, articles: readonly SeedArticle[]): Promise<number[]> {
  const given = articles.map(({ fans, comments, at, ...article }) => ({
    ...article,
    favourites: fans.size,
    at: new Date(at).toISOString(),
  }));
  const { rows } = await sql<{ id: number }>`
    with added as (
      insert into articles (author_id, slug, title, description, body, tag_list, favourites_count, created_at, updated_at)
      select author_id, slug, title, description, body, array(select json_array_elements_text(tags)), favourites, at, at
      from json_to_recordset(${JSON.stringify(given)}::json) as given
        (author_id integer, slug text, title text, description text, body text, tags json, favourites integer, at timestamptz)
      returning author_id, id, tag_list
    ), tagged as (
      insert into article_tags (owner_id, article_id, tag) select author_id, id, unnest(tag_list) from added
    )
    select id from added`.execute(trx);
  return rows.map((row) => row.id);
}

async function insertFavourites(
  trx: Transaction<Database>,
  articles: readonly SeedArticle[],
  owners: readonly number[],
  ids: readonly number[],
): Promise<void> {
  const fans = articles.flatMap((article) => [...article.fans]);
  const repeated = (values: readonly number[]) =>
    articles.flatMap((article, at) => new Array<number>(article.fans.size).fill(values[at] ?? 0));
  await sql`
    insert into favourites (user_id, owner_id, article_id)
    select * from unnest(${fans}::integer[], ${repeated(owners)}::integer[], ${repeated(ids)}::integer[])`.execute(trx);
}

async function insertComments(
  trx: Transaction<Database>,
  articles: readonly SeedArticle[],
  owners: readonly number[],
  ids: readonly number[],
): Promise<void> {
  const comments = articles.flatMap((article, index) =>
    article.comments.map(({ author, body, at }) => ({
      owner_id: owners[index],
      article_id: ids[index],
      author_id: author,
      body,
      created_at: new Date(at).toISOString(),
    })),
  );
  await sql`
    insert into comments (owner_id, article_id, author_id, body, created_at)
    select owner_id, article_id, author_id, body, created_at
    from json_to_recordset(${JSON.stringify(comments)}::json) as given
      (owner_id integer, article_id integer, author_id integer, body text, created_at timestamptz)`.execute(trx);
}

/** Rows are locked in the order that the service locks them in: users, then counts. */
async function count(trx: Transaction<Database>, articles: readonly SeedArticle[]): Promise<void> {
  const authors = new Map<number, number>();
  const tags = new Map<string, { slot: number; tag: string; articles: number }>();
  for (const { author_id, tags: own } of articles) {
    authors.set(author_id, (authors.get(author_id) ?? 0) + 1);
    const slot = slotOf(author_id);
    for (const tag of [ALL, ...own]) {
      const key = `${slot} ${tag}`;
      tags.set(key, { slot, tag, articles: (tags.get(key)?.articles ?? 0) + 1 });
    }
  }
  await sql`
    update users set articles_count = articles_count + added
    from unnest(${[...authors.keys()]}::integer[], ${[...authors.values()]}::integer[]) as given (author, added)
    where id = author`.execute(trx);
  const rows = [...tags].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  await sql`
    insert into tag_counts as c (slot, tag, articles)
    select slot, tag, articles from json_to_recordset(${JSON.stringify(rows)}::json) as given (slot smallint, tag text, articles integer)
    on conflict (slot, tag) do update set articles = c.articles + excluded.articles`.execute(trx);
}
