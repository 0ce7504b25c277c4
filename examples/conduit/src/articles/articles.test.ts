import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startConduit, type TestConduit } from "../../testing.ts";

let conduit: TestConduit;
let jake: string;
let other: string;
beforeAll(async () => {
  conduit = await startConduit();
  jake = await conduit.register("jake");
  other = await conduit.register("other");
});
afterAll(() => conduit[Symbol.asyncDispose]());

const BLANK = ["can't be blank"];
const NOT_FOUND = { status: 404, body: { errors: { article: ["not found"] } } };
const FORBIDDEN = { status: 403, body: { errors: { article: ["forbidden"] } } };
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const post = (article: unknown, token = jake) => conduit.call("POST", "/articles", { token, body: { article } });
const put = (slug: string, article: unknown, token = jake) =>
  conduit.call("PUT", `/articles/${slug}`, { token, body: { article } });
const get = (slug: string, token?: string) => conduit.call("GET", `/articles/${slug}`, token ? { token } : {});
const favorite = (slug: string, token = other) => conduit.call("POST", `/articles/${slug}/favorite`, { token });
const unfavorite = (slug: string, token = other) => conduit.call("DELETE", `/articles/${slug}/favorite`, { token });

describe("publishing", () => {
  test("gives the article, and keeps the order of its tags", async () => {
    const given = { title: "How to train your dragon", description: "Ever wonder how?", body: "You have to believe" };
    const { status, body } = await post({ ...given, tagList: ["reactjs", "angularjs", "dragons", "reactjs"] });
    expect(status).toBe(201);
    expect(body).toEqual({
      article: {
        ...given,
        slug: "how-to-train-your-dragon",
        tagList: ["reactjs", "angularjs", "dragons"],
        createdAt: expect.stringMatching(MOMENT),
        updatedAt: expect.stringMatching(MOMENT),
        favorited: false,
        favoritesCount: 0,
        author: { username: "jake", bio: null, image: null, following: false },
      },
    });
    expect(await get(body.article.slug)).toMatchObject({ status: 200, body });
  });

  test("needs no tags", async () => {
    expect((await post({ title: "t", description: "d", body: "b" })).body.article.tagList).toEqual([]);
    expect((await post({ title: "t", description: "d", body: "b", tagList: [] })).body.article.tagList).toEqual([]);
  });

  test.each(["title", "description", "body"])("needs a %s", async (field) => {
    for (const value of ["", null, undefined, "  "]) {
      const answer = await post({ title: "t", description: "d", body: "b", [field]: value });
      expect(answer).toMatchObject({ status: 422, body: { errors: { [field]: BLANK } } });
    }
  });

  test("names all that is wrong", async () => {
    const answer = await conduit.call("POST", "/articles", { token: jake, body: {} });
    expect(answer).toMatchObject({ status: 422, body: { errors: { title: BLANK, description: BLANK, body: BLANK } } });
  });

  test.each([[null], ["tag"], [[""]], [[null]], [[1]], [["a\0"]], [["x".repeat(65)]], [Array(51).fill("x")]])(
    "refuses the tags %j",
    async (tagList) => {
      const answer = await post({ title: "t", description: "d", body: "b", tagList });
      expect(answer).toMatchObject({ status: 422, body: { errors: { tagList: [expect.any(String)] } } });
    },
  );

  test("of one title again, even at the same moment, gives each article a slug of its own", async () => {
    const article = { title: "Same Title!", description: "d", body: "b" };
    const answers = await Promise.all(Array.from({ length: 8 }, () => post(article)));
    expect(answers.map((answer) => answer.status)).toEqual(Array(8).fill(201));
    const slugs = answers.map((answer) => answer.body.article.slug);
    expect(new Set(slugs).size).toBe(8);
    expect(slugs).toContain("same-title");
    expect(slugs.every((slug) => slug.startsWith("same-title"))).toBe(true);
  });

  test.each([
    ["Feed", /^feed-[0-9a-f]+$/],
    ["!!!", /^article-[0-9a-f]+-?[0-9a-f]*$/],
    ["Überraschung: 50% más", /^uberraschung-50-mas$/],
    ["你好，世界", /^你好-世界$/],
    ["x".repeat(255), /^x{80}$/],
    ["a/b?c#d", /^a-b-c-d$/],
  ])("makes an address of the title %j", async (title, expected) => {
    const { slug } = (await post({ title, description: "d", body: "b" })).body.article;
    expect(slug).toMatch(expected);
    expect(await get(encodeURIComponent(slug))).toMatchObject({ status: 200, body: { article: { title } } });
  });
});

describe("revising", () => {
  test("changes only what was given", async () => {
    const slug = await conduit.publish(jake, { title: "Before", body: "old body", tagList: ["x", "y"] });
    const { status, body } = await put(slug, { body: "new body" });
    expect(status).toBe(200);
    expect(body.article).toMatchObject({ slug, title: "Before", body: "new body", tagList: ["x", "y"] });
    expect(Date.parse(body.article.updatedAt)).toBeGreaterThan(Date.parse(body.article.createdAt));
    expect((await put(slug, {})).body.article).toMatchObject({ slug, title: "Before", body: "new body" });
  });

  test("moves the article with its title, and leaves the rest", async () => {
    const slug = await conduit.publish(jake, { title: "Old name", body: "kept", tagList: ["b", "a"] });
    await favorite(slug);
    const { article } = (await put(slug, { title: "New name" })).body;
    expect(article).toMatchObject({ slug: "new-name", body: "kept", tagList: ["b", "a"], favoritesCount: 1 });
    expect(await get(slug)).toMatchObject(NOT_FOUND);
    expect((await put("new-name", { title: "New Name!" })).body.article.slug).toBe("new-name");
  });

  test("to a title that is taken gives another address", async () => {
    await conduit.publish(jake, { title: "Taken title" });
    const slug = await conduit.publish(jake, { title: "Free title" });
    const { status, body } = await put(slug, { title: "Taken title" });
    expect(status).toBe(200);
    expect(body.article.slug).toMatch(/^taken-title-[0-9a-f]{10}$/);
  });

  test("replaces, keeps or removes the tags", async () => {
    const slug = await conduit.publish(jake, { tagList: ["one", "two"] });
    expect((await put(slug, { tagList: ["three", "two"] })).body.article.tagList).toEqual(["three", "two"]);
    expect((await put(slug, { description: "x" })).body.article.tagList).toEqual(["three", "two"]);
    expect(await put(slug, { tagList: null })).toMatchObject({
      status: 422,
      body: { errors: { tagList: [expect.any(String)] } },
    });
    expect((await put(slug, { tagList: [] })).body.article.tagList).toEqual([]);
    const { tags } = (await conduit.call("GET", "/tags")).body;
    expect(tags).not.toContain("one");
    expect(tags).not.toContain("three");
  });

  test.each(["title", "description", "body"])("refuses an empty or null %s", async (field) => {
    const slug = await conduit.publish(jake);
    for (const value of ["", null]) {
      expect(await put(slug, { [field]: value })).toMatchObject({ status: 422, body: { errors: { [field]: BLANK } } });
    }
  });

  test("is for the author alone", async () => {
    const slug = await conduit.publish(jake);
    expect(await put(slug, { body: "mine" }, other)).toMatchObject(FORBIDDEN);
    expect(await put("nothing", { body: "x" })).toMatchObject(NOT_FOUND);
    expect(await put("a%00b", { body: "x" })).toMatchObject(NOT_FOUND);
  });
});

describe("removing", () => {
  test("takes the article away with all that hangs on it", async () => {
    const slug = await conduit.publish(jake, { tagList: ["doomed"] });
    await favorite(slug);
    await conduit.call("POST", `/articles/${slug}/comments`, { token: other, body: { comment: { body: "hm" } } });
    const { status, body } = await conduit.call("DELETE", `/articles/${slug}`, { token: jake });
    expect(status).toBe(204);
    expect(body).toHaveLength(0);
    expect(await get(slug)).toMatchObject(NOT_FOUND);
    expect(await conduit.call("GET", `/articles/${slug}/comments`)).toMatchObject(NOT_FOUND);
    expect((await conduit.call("GET", "/tags")).body.tags).not.toContain("doomed");
  });

  test("is for the author alone", async () => {
    const slug = await conduit.publish(jake);
    expect(await conduit.call("DELETE", `/articles/${slug}`, { token: other })).toMatchObject(FORBIDDEN);
    expect(await conduit.call("DELETE", "/articles/nothing", { token: jake })).toMatchObject(NOT_FOUND);
    expect((await get(slug)).status).toBe(200);
  });
});

describe("favourites", () => {
  test("are counted once for each user", async () => {
    const slug = await conduit.publish(jake);
    for (let time = 1; time <= 2; time += 1) {
      expect(await favorite(slug)).toMatchObject({
        status: 200,
        body: { article: { favorited: true, favoritesCount: 1 } },
      });
    }
    expect((await favorite(slug, jake)).body.article).toMatchObject({ favorited: true, favoritesCount: 2 });
    expect((await get(slug, other)).body.article).toMatchObject({ favorited: true, favoritesCount: 2 });
    expect((await get(slug)).body.article).toMatchObject({ favorited: false, favoritesCount: 2 });
    for (let time = 1; time <= 2; time += 1) {
      expect(await unfavorite(slug)).toMatchObject({
        status: 200,
        body: { article: { favorited: false, favoritesCount: 1 } },
      });
    }
    expect((await get(slug, jake)).body.article).toMatchObject({ favorited: true, favoritesCount: 1, body: "A text" });
  });

  test("of many users at the same moment are all counted", async () => {
    const slug = await conduit.publish(jake);
    const tokens = await Promise.all(Array.from({ length: 10 }, (_, n) => conduit.register(`crowd${n}`)));
    await Promise.all(tokens.flatMap((token) => [favorite(slug, token), favorite(slug, token)]));
    expect((await get(slug)).body.article.favoritesCount).toBe(10);
    await Promise.all(tokens.slice(0, 4).flatMap((token) => [unfavorite(slug, token), unfavorite(slug, token)]));
    expect((await get(slug)).body.article.favoritesCount).toBe(6);
  });

  test("need an article", async () => {
    for (const slug of ["nothing", "a%00b"]) {
      expect(await favorite(slug)).toMatchObject(NOT_FOUND);
      expect(await unfavorite(slug)).toMatchObject(NOT_FOUND);
      expect(await get(slug)).toMatchObject(NOT_FOUND);
    }
  });
});
