import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import seed from "../../seed.ts";
import { startConduit, type TestConduit } from "../../testing.ts";
import { createRandom } from "../seed/random.ts";

let conduit: TestConduit;
beforeAll(async () => {
  conduit = await startConduit();
});
afterAll(() => conduit[Symbol.asyncDispose]());

/** What is kept counted, wherever it differs from what is there. */
async function wrongCounts() {
  const { rows } = await sql`
    select 'author' as of, u.username as name, u.articles_count as kept, count(a.id) as found
    from users u left join articles a on a.author_id = u.id group by u.id having u.articles_count <> count(a.id)
    union all
    select 'favourites', a.slug, a.favourites_count, count(f.user_id)
    from articles a left join favourites f on f.owner_id = a.author_id and f.article_id = a.id
    group by a.author_id, a.id having a.favourites_count <> count(f.user_id)
    union all
    select 'tag', coalesce(k.tag, t.tag), k.kept, t.found
    from (select tag, sum(articles) as kept from tag_counts group by tag having sum(articles) <> 0) k
    full join (
      select tag, count(*) as found from article_tags group by tag
      union all select '', count(*) from articles having count(*) > 0
    ) t on t.tag = k.tag
    where k.kept is distinct from t.found
    union all
    select 'tag list', a.slug, cardinality(a.tag_list), count(t.tag)
    from articles a left join article_tags t on t.owner_id = a.author_id and t.article_id = a.id
    group by a.author_id, a.id having cardinality(a.tag_list) <> count(t.tag)`.execute(conduit.db);
  return rows;
}

test("counts stay right while many write at the same moment, and nobody fails", async () => {
  const random = createRandom(7);
  const tokens = await Promise.all(Array.from({ length: 6 }, (_, n) => conduit.register(`writer${n}`)));
  const slugs: string[] = [];
  const tags = ["red", "green", "blue", "black"];
  const someTags = () => tags.filter(() => random.chance(0.5)).sort(() => (random.chance(0.5) ? 1 : -1));
  const write = async () => {
    const token = random.pick(tokens);
    const kind = random.between(1, 10);
    if (slugs.length < 5 || kind <= 3) {
      slugs.push(await conduit.publish(token, { title: `Title ${random.between(1, 3)}`, tagList: someTags() }));
      return 201;
    }
    const slug = random.pick(slugs);
    const change = { body: { article: { tagList: someTags() } }, token };
    if (kind <= 5) return (await conduit.call("PUT", `/articles/${slug}`, change)).status;
    if (kind <= 6) return (await conduit.call("DELETE", `/articles/${slug}`, { token })).status;
    const method = random.chance(0.6) ? "POST" : "DELETE";
    return (await conduit.call(method, `/articles/${slug}/favorite`, { token })).status;
  };
  const statuses = new Set<number>();
  const writer = async () => {
    for (let n = 0; n < 40; n += 1) statuses.add(await write());
  };
  await Promise.all(Array.from({ length: 8 }, writer));
  expect([...statuses].filter((status) => ![200, 201, 204, 403, 404].includes(status))).toEqual([]);
  expect(await wrongCounts()).toEqual([]);
});

test("the seed counts what it adds, is the same for the same number, and can be sown again", async () => {
  const progress: number[] = [];
  const before = (await conduit.call("GET", "/articles?limit=1")).body.articlesCount;
  await seed({ db: conduit.db, size: 1_200, random: 3, progress: (share) => progress.push(share) });
  await seed({ db: conduit.db, size: 50, random: 3 });
  expect(await wrongCounts()).toEqual([]);
  expect(progress).toEqual([0, 1_000 / 1_200, 1]);
  const { body } = await conduit.call("GET", "/articles?limit=100");
  expect(body.articlesCount).toBe(before + 1_250);
  const times = body.articles.map((article: { createdAt: string }) => article.createdAt);
  expect(times).toEqual([...times].sort().reverse());

  const { username } = body.articles[0].author;
  const user = { email: `${username}@example.com`, password: "password" };
  expect((await conduit.call("POST", "/users/login", { body: { user } })).status).toBe(200);
  const comments = (await conduit.call("GET", `/articles/${body.articles[99].slug}/comments`)).body.comments;
  const moments = comments.map((comment: { createdAt: string }) => comment.createdAt);
  expect(moments).toEqual([...moments].sort().reverse());
});
