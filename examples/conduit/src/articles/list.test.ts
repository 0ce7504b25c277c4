import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startConduit, type TestConduit } from "../../testing.ts";

let conduit: TestConduit;
let ann: string;
let bob: string;
let cat: string;
/** Slugs in the order of publication. */
const slugs: string[] = [];

beforeAll(async () => {
  conduit = await startConduit();
  ann = await conduit.register("ann");
  bob = await conduit.register("bob");
  cat = await conduit.register("cat");
  for (let n = 1; n <= 24; n += 1) {
    const tagList = ["all", ...(n % 2 === 0 ? ["even"] : []), ...(n % 6 === 0 ? ["six"] : [])];
    slugs.push(await conduit.publish(n % 3 === 0 ? bob : ann, { title: `Article ${n}`, tagList }));
  }
  for (const n of [2, 3, 6, 12]) await conduit.call("POST", `/articles/article-${n}/favorite`, { token: cat });
  await conduit.call("POST", "/profiles/bob/follow", { token: cat });
});
afterAll(() => conduit[Symbol.asyncDispose]());

async function list(query = "", token?: string, path = "/articles") {
  const { status, body } = await conduit.call("GET", `${path}${query}`, token === undefined ? {} : { token });
  const numbers = body.articles?.map(({ slug }: { slug: string }) => Number(slug.split("-").at(-1)));
  return { status, numbers, count: body.articlesCount, articles: body.articles, errors: body.errors };
}

const from = (first: number, last: number, step = 1) => {
  const numbers: number[] = [];
  for (let n = first; n >= last; n -= step) numbers.push(n);
  return numbers;
};

describe("the list of articles", () => {
  test("has the newest first, 20 at a time, and the number of all", async () => {
    expect(await list()).toMatchObject({ status: 200, numbers: from(24, 5), count: 24 });
  });

  test("has no bodies", async () => {
    const { articles } = await list("?limit=1");
    expect(articles).toEqual([
      {
        slug: "article-24",
        title: "Article 24",
        description: "What it is about",
        tagList: ["all", "even", "six"],
        createdAt: expect.any(String),
        updatedAt: expect.any(String),
        favorited: false,
        favoritesCount: 0,
        author: { username: "bob", bio: null, image: null, following: false },
      },
    ]);
  });

  test.each([
    ["?limit=5", from(24, 20)],
    ["?limit=5&offset=5", from(19, 15)],
    ["?offset=20", from(4, 1)],
    ["?limit=10&offset=0", from(24, 15)],
    ["?limit=100", from(24, 1)],
    ["?limit=999999999999999999999", from(24, 1)],
    ["?offset=24", []],
    ["?offset=999999999999999999999", []],
  ])("pages by %s", async (query, numbers) => {
    expect(await list(query)).toMatchObject({ status: 200, numbers, count: 24 });
  });

  test.each([
    ["?tag=all", from(24, 5), 24],
    ["?tag=even&limit=100", from(24, 2, 2), 12],
    ["?tag=even&limit=2&offset=1", [22, 20], 12],
    ["?tag=nothing", [], 0],
    ["?tag=", [], 0],
    ["?author=bob", from(24, 3, 3), 8],
    ["?author=bob&offset=100", [], 8],
    ["?author=nobody", [], 0],
    ["?favorited=cat", [12, 6, 3, 2], 4],
    ["?favorited=ann", [], 0],
    ["?favorited=nobody", [], 0],
    ["?author=bob&tag=six", [24, 18, 12, 6], 4],
    ["?author=ann&tag=six", [], 0],
    ["?favorited=cat&author=ann", [2], 1],
    ["?favorited=cat&tag=six", [12, 6], 2],
    ["?favorited=cat&tag=six&author=bob&limit=1", [12], 2],
    ["?tag=a%00b", [], 0],
    ["?author=%00", [], 0],
    ["?favorited=%00", [], 0],
  ])("filters by %s", async (query, numbers, count) => {
    expect(await list(query)).toMatchObject({ status: 200, numbers, count });
    expect(await list(query, cat)).toMatchObject({ status: 200, numbers, count });
  });

  test.each([
    ["?limit=x", { limit: ["is not a number"] }],
    ["?limit=", { limit: ["is not a number"] }],
    ["?limit=1.5", { limit: ["is not a number"] }],
    ["?limit=0", { limit: ["must be at least 1"] }],
    ["?limit=-1&offset=-1", { limit: ["must be at least 1"], offset: ["must be at least 0"] }],
    ["?limit=1&limit=2", { limit: ["is not a number"] }],
    ["?tag=a&tag=b", { tag: ["may be given only once"] }],
  ])("refuses %s", async (query, errors) => {
    expect(await list(query)).toMatchObject({ status: 422, errors });
  });

  test("has the viewer's flags", async () => {
    const flags = async (token?: string) =>
      (await list("?limit=100", token)).articles
        .map((article: { favorited: boolean; author: { following: boolean } }) => [
          article.favorited,
          article.author.following,
        ])
        .toString();
    const expected = from(24, 1).map((n) => [[2, 3, 6, 12].includes(n), n % 3 === 0]);
    expect(await flags(cat)).toBe(expected.toString());
    const stranger = expected.map(() => [false, false]).toString();
    expect(await flags()).toBe(stranger);
    expect(await flags(ann)).toBe(stranger);
  });
});

describe("the feed", () => {
  test("has the articles of followed authors, the newest first", async () => {
    const feed = (query: string) => list(query, cat, "/articles/feed");
    expect(await feed("")).toMatchObject({ status: 200, numbers: from(24, 3, 3), count: 8 });
    expect(await feed("?limit=2&offset=3")).toMatchObject({ status: 200, numbers: [15, 12], count: 8 });
    expect(await feed("?offset=50")).toMatchObject({ status: 200, numbers: [], count: 8 });
    expect(await feed("?limit=x")).toMatchObject({ status: 422 });
    expect((await feed("?limit=1")).articles[0]).toMatchObject({ author: { username: "bob", following: true } });
    expect((await feed("?limit=1")).articles[0]).not.toHaveProperty("body");
  });

  test("follows what the viewer follows", async () => {
    const dan = await conduit.register("dan");
    const feed = () => list("?limit=3", dan, "/articles/feed");
    expect(await feed()).toMatchObject({ status: 200, numbers: [], count: 0 });
    await conduit.call("POST", "/profiles/ann/follow", { token: dan });
    expect(await feed()).toMatchObject({ numbers: [23, 22, 20], count: 16 });
    await conduit.call("POST", "/profiles/bob/follow", { token: dan });
    expect(await feed()).toMatchObject({ numbers: [24, 23, 22], count: 24 });
    await conduit.call("DELETE", "/profiles/ann/follow", { token: dan });
    expect(await feed()).toMatchObject({ numbers: [24, 21, 18], count: 8 });
  });
});

test("the tags are those in use, the most used first", async () => {
  const { status, body } = await conduit.call("GET", "/tags");
  expect({ status, body }).toEqual({ status: 200, body: { tags: ["all", "even", "six"] } });
});
