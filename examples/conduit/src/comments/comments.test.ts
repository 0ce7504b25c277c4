import { afterAll, beforeAll, expect, test } from "vitest";
import { startConduit, type TestConduit } from "../../testing.ts";

let conduit: TestConduit;
let author: string;
let reader: string;
beforeAll(async () => {
  conduit = await startConduit();
  author = await conduit.register("author");
  reader = await conduit.register("reader");
});
afterAll(() => conduit[Symbol.asyncDispose]());

const comment = (slug: string, token: string, body: unknown) =>
  conduit.call("POST", `/articles/${slug}/comments`, { token, body: { comment: { body } } });

const notFound = (subject: string) => ({ status: 404, body: { errors: { [subject]: ["not found"] } } });

test("a comment is shown with its author, the newest first", async () => {
  const slug = await conduit.publish(author);
  const first = await comment(slug, reader, "First!");
  expect(first.status).toBe(201);
  expect(first.body).toEqual({
    comment: {
      id: expect.any(Number),
      body: "First!",
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/),
      updatedAt: first.body.comment.createdAt,
      author: { username: "reader", bio: null, image: null, following: false },
    },
  });
  await comment(slug, author, "Thank you");
  await conduit.call("POST", "/profiles/reader/follow", { token: author });
  const { status, body } = await conduit.call("GET", `/articles/${slug}/comments`, { token: author });
  expect(status).toBe(200);
  expect(body.comments.map((one: { body: string }) => one.body)).toEqual(["Thank you", "First!"]);
  expect(body.comments[1]).toEqual({
    ...first.body.comment,
    author: { ...first.body.comment.author, following: true },
  });
  const anonymous = await conduit.call("GET", `/articles/${slug}/comments`);
  expect(anonymous.body.comments[1]).toEqual(first.body.comment);
});

test("an article without comments has an empty list, an unknown one is not found", async () => {
  const slug = await conduit.publish(author);
  expect(await conduit.call("GET", `/articles/${slug}/comments`)).toMatchObject({
    status: 200,
    body: { comments: [] },
  });
  expect(await conduit.call("GET", "/articles/nothing/comments")).toMatchObject(notFound("article"));
  expect(await conduit.call("GET", "/articles/a%00b/comments")).toMatchObject(notFound("article"));
  expect(await comment("nothing", reader, "x")).toMatchObject(notFound("article"));
});

test("a comment needs a body", async () => {
  const slug = await conduit.publish(author);
  const blank = { status: 422, body: { errors: { body: ["can't be blank"] } } };
  for (const body of ["", null, undefined]) expect(await comment(slug, reader, body)).toMatchObject(blank);
  const none = await conduit.call("POST", `/articles/${slug}/comments`, { token: reader, body: {} });
  expect(none).toMatchObject(blank);
  expect((await comment(slug, reader, { no: "text" })).status).toBe(422);
});

test("a comment is removed by who wrote it and nobody else", async () => {
  const slug = await conduit.publish(author);
  const { id } = (await comment(slug, reader, "Mine")).body.comment;
  const remove = (token: string, path = `${slug}/comments/${id}`) =>
    conduit.call("DELETE", `/articles/${path}`, { token });
  expect(await remove(author)).toMatchObject({ status: 403, body: { errors: { comment: ["forbidden"] } } });
  const removed = await remove(reader);
  expect(removed.status).toBe(204);
  expect(removed.body).toHaveLength(0);
  expect(await remove(reader)).toMatchObject(notFound("comment"));
  expect((await conduit.call("GET", `/articles/${slug}/comments`)).body.comments).toEqual([]);
});

test("a comment is only found under its own article", async () => {
  const slug = await conduit.publish(author);
  const other = await conduit.publish(author);
  const { id } = (await comment(slug, reader, "Here")).body.comment;
  const remove = (path: string) => conduit.call("DELETE", `/articles/${path}`, { token: reader });
  expect(await remove(`${other}/comments/${id}`)).toMatchObject(notFound("comment"));
  expect(await remove(`nothing/comments/${id}`)).toMatchObject(notFound("article"));
  for (const wrong of ["x", "-1", "1.5", "99999999999999999999", "2147483648", "%00"]) {
    expect(await remove(`${slug}/comments/${wrong}`)).toMatchObject(notFound("comment"));
  }
  expect((await conduit.call("GET", `/articles/${slug}/comments`)).body.comments).toHaveLength(1);
});
