import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { ContractClient } from "./client.ts";
import type { Specification } from "./specification.ts";

/**
 * Walks through every operation of the specification against a running service, as two new users, with each answer that a
 * client can bring about. Leaves the users and a few tags behind. Gives what was seen, as `GetTags 200`.
 * @param url base of the API
 */
export async function walkContract(url: string, specification: Specification): Promise<ReadonlySet<string>> {
  const client = new ContractClient(url, specification);
  const run = randomUUID().slice(0, 8);
  const ann = await users(client, `ann-${run}`);
  const bob = await users(client, `bob-${run}`);
  await account(client, ann, `ann2-${run}`);
  await follows(client, ann, bob);
  const slug = await articles(client, ann, bob, run);
  await favourites(client, ann, bob, slug);
  await comments(client, ann, bob, slug);
  await ending(client, ann, bob, slug);
  return client.seen;
}

interface User {
  username: string;
  email: string;
  password: string;
  token: string;
}

const BAD = "not.a.token";

async function users(client: ContractClient, username: string): Promise<User> {
  const given = { username, email: `${username}@example.com`, password: "correct horse" };
  const { user } = await client.call("CreateUser", 201, { body: { user: given } });
  assert.equal(user.username, username);
  assert.deepEqual([user.bio, user.image], [null, null]);
  const { errors } = await client.call("CreateUser", 409, { body: { user: given } });
  assert.ok("username" in errors || "email" in errors);
  await client.call("CreateUser", 422, { body: { user: { ...given, username: "" } } });
  const again = await client.call("Login", 200, { body: { user: given } });
  assert.equal(again.user.email, given.email);
  await client.call("Login", 401, { body: { user: { ...given, password: "wrong" } } });
  await client.call("Login", 422, { body: { user: { ...given, password: "" } } });
  return { ...given, token: again.user.token };
}

async function account(client: ContractClient, ann: User, renamed: string): Promise<void> {
  const { user } = await client.call("GetCurrentUser", 200, { token: ann.token });
  assert.equal(user.username, ann.username);
  await client.call("GetCurrentUser", 401);
  await client.call("GetCurrentUser", 401, { token: BAD });
  const change = { username: renamed, bio: "Writes.", image: "https://example.com/a.png" };
  const changed = await client.call("UpdateCurrentUser", 200, { token: ann.token, body: { user: change } });
  assert.deepEqual([changed.user.username, changed.user.bio, changed.user.image], Object.values(change));
  ann.username = renamed;
  ann.token = changed.user.token;
  const cleared = await client.call("UpdateCurrentUser", 200, { token: ann.token, body: { user: { bio: "" } } });
  assert.equal(cleared.user.bio, null);
  await client.call("UpdateCurrentUser", 401, { body: { user: change } });
  await client.call("UpdateCurrentUser", 422, { token: ann.token, body: { user: { email: "" } } });
}

async function follows(client: ContractClient, ann: User, bob: User): Promise<void> {
  const at = { username: ann.username };
  assert.equal((await client.call("GetProfileByUsername", 200, { at })).profile.following, false);
  await client.call("GetProfileByUsername", 401, { at, token: BAD });
  await client.call("GetProfileByUsername", 404, { at: { username: `nobody-${bob.username}` } });
  const nobody = { at: { username: `nobody-${bob.username}` }, token: bob.token };
  for (const [id, following] of [
    ["FollowUserByUsername", true],
    ["UnfollowUserByUsername", false],
    ["FollowUserByUsername", true],
  ] as const) {
    assert.equal((await client.call(id, 200, { at, token: bob.token })).profile.following, following);
    assert.equal(
      (await client.call("GetProfileByUsername", 200, { at, token: bob.token })).profile.following,
      following,
    );
    await client.call(id, 401, { at });
    await client.call(id, 404, nobody);
  }
}

async function articles(client: ContractClient, ann: User, bob: User, run: string): Promise<string> {
  const { token } = ann;
  const tags = [`b-${run}`, `a-${run}`];
  const article = { title: `On ${run}`, description: "Short.", body: "Long.", tagList: tags };
  const made = (await client.call("CreateArticle", 201, { token, body: { article } })).article;
  assert.deepEqual([made.title, made.body, made.tagList, made.favoritesCount], [article.title, "Long.", tags, 0]);
  const twin = (await client.call("CreateArticle", 201, { token, body: { article } })).article;
  assert.notEqual(twin.slug, made.slug);
  await client.call("CreateArticle", 401, { body: { article } });
  await client.call("CreateArticle", 422, { token, body: { article: { ...article, title: "" } } });

  assert.deepEqual((await client.call("GetArticle", 200, { at: { slug: made.slug } })).article.tagList, tags);
  await client.call("GetArticle", 404, { at: { slug: `no-${run}` } });
  for (const query of [{ tag: tags[0] ?? "" }, { author: ann.username }]) {
    const list = await client.call("GetArticles", 200, { query });
    assert.deepEqual(
      list.articles.map((one: { slug: string }) => one.slug),
      [twin.slug, made.slug],
    );
    assert.equal(list.articlesCount, 2);
    const second = await client.call("GetArticles", 200, { query: { ...query, limit: 1, offset: 1 } });
    assert.deepEqual(
      second.articles.map((one: { slug: string }) => one.slug),
      [made.slug],
    );
  }
  await client.call("GetArticles", 401, { token: BAD });
  await client.call("GetArticles", 422, { query: { limit: 0 } });
  await client.call("GetArticlesFeed", 422, { query: { offset: -1 }, token: bob.token });
  assert.ok((await client.call("GetTags", 200)).tags.includes(tags[0]));
  const feed = await client.call("GetArticlesFeed", 200, { token: bob.token });
  assert.deepEqual(
    feed.articles.map((one: { slug: string }) => one.slug),
    [twin.slug, made.slug],
  );
  await client.call("GetArticlesFeed", 401);

  const at = { slug: made.slug };
  const body = { article: { body: "Longer.", tagList: [] } };
  const changed = (await client.call("UpdateArticle", 200, { at, token, body })).article;
  assert.deepEqual([changed.body, changed.tagList, changed.title], ["Longer.", [], article.title]);
  await client.call("UpdateArticle", 401, { at, body });
  await client.call("UpdateArticle", 403, { at, body, token: bob.token });
  await client.call("UpdateArticle", 404, { at: { slug: `no-${run}` }, body, token });
  await client.call("UpdateArticle", 422, { at, token, body: { article: { title: "" } } });
  return changed.slug;
}

async function favourites(client: ContractClient, ann: User, bob: User, slug: string): Promise<void> {
  const at = { slug };
  for (const [id, favorited] of [
    ["CreateArticleFavorite", true],
    ["DeleteArticleFavorite", false],
    ["CreateArticleFavorite", true],
  ] as const) {
    const { article } = await client.call(id, 200, { at, token: bob.token });
    assert.deepEqual([article.favorited, article.favoritesCount], [favorited, favorited ? 1 : 0]);
    await client.call(id, 401, { at });
    await client.call(id, 404, { at: { slug: `no-${slug}` }, token: ann.token });
  }
  const list = await client.call("GetArticles", 200, { query: { favorited: bob.username }, token: bob.token });
  assert.deepEqual(
    list.articles.map((one: { slug: string; favorited: boolean }) => [one.slug, one.favorited]),
    [[slug, true]],
  );
  assert.equal((await client.call("GetArticle", 200, { at })).article.favorited, false);
}

async function comments(client: ContractClient, ann: User, bob: User, slug: string): Promise<void> {
  const at = { slug };
  const elsewhere = { slug: `no-${slug}` };
  const body = { comment: { body: "Well said." } };
  const { comment } = await client.call("CreateArticleComment", 201, { at, token: bob.token, body });
  assert.deepEqual([comment.body, comment.author.username], ["Well said.", bob.username]);
  await client.call("CreateArticleComment", 401, { at, body });
  await client.call("CreateArticleComment", 404, { at: elsewhere, token: bob.token, body });
  await client.call("CreateArticleComment", 422, { at, token: bob.token, body: { comment: { body: "" } } });
  const listed = await client.call("GetArticleComments", 200, { at });
  assert.deepEqual(
    listed.comments.map((one: { id: number }) => one.id),
    [comment.id],
  );
  await client.call("GetArticleComments", 401, { at, token: BAD });
  await client.call("GetArticleComments", 404, { at: elsewhere });
  const one = { slug, id: comment.id };
  await client.call("DeleteArticleComment", 401, { at: one });
  await client.call("DeleteArticleComment", 403, { at: one, token: ann.token });
  await client.call("DeleteArticleComment", 204, { at: one, token: bob.token });
  await client.call("DeleteArticleComment", 404, { at: one, token: bob.token });
  assert.deepEqual((await client.call("GetArticleComments", 200, { at })).comments, []);
}

async function ending(client: ContractClient, ann: User, bob: User, slug: string): Promise<void> {
  const at = { slug };
  await client.call("DeleteArticle", 401, { at });
  await client.call("DeleteArticle", 403, { at, token: bob.token });
  await client.call("DeleteArticle", 204, { at, token: ann.token });
  await client.call("DeleteArticle", 404, { at, token: ann.token });
  await client.call("GetArticle", 404, { at });
}
