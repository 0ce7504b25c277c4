import { request } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startConduit, type TestConduit } from "../../testing.ts";

let conduit: TestConduit;
let token: string;
let base: string;
beforeAll(async () => {
  conduit = await startConduit();
  token = await conduit.register("jake");
  base = `${conduit.url}/api`;
});
afterAll(() => conduit[Symbol.asyncDispose]());

const errors = (status: number) => ({ status, body: { errors: expect.any(Object) } });

test("an unknown route is not found, in the shape of all errors", async () => {
  for (const path of ["/nothing", "/articles/a/b/c", "/users", "/profiles"]) {
    const answer = await conduit.call("GET", path);
    expect(answer).toMatchObject({ status: 404, body: { errors: { path: ["not found"] } } });
  }
  expect(await conduit.call("DELETE", "/tags")).toMatchObject(errors(404));
});

test("a slash at the end of a path changes nothing", async () => {
  const article = { title: "With a slash", description: "", body: "" };
  const made = await conduit.call("POST", "/articles/", { token, body: JSON.stringify({ article }) });
  expect(made).toMatchObject({ status: 422, body: { errors: { description: ["can't be blank"] } } });
  expect(await conduit.call("GET", "/tags/")).toMatchObject({ status: 200, body: { tags: expect.any(Array) } });
});

test("a body that is not JSON is refused", async () => {
  const body = '{"user": {';
  const headers = { "content-type": "application/json" };
  const answer = await conduit.call("POST", "/users", { body, headers });
  expect(answer).toMatchObject({ status: 422, body: { errors: { body: ["is not JSON"] } } });
});

test.each([
  "null",
  "5",
  '"text"',
  "[]",
  '{"user":[]}',
  '{"__proto__":{"user":{}}}',
  '{"user":{"__proto__":{"email":"x"}}}',
])("the body %s is refused as one without fields", async (body) => {
  const answer = await conduit.call("POST", "/users", { body, headers: { "content-type": "application/json" } });
  expect(answer).toMatchObject({ status: 422, body: { errors: { email: ["can't be blank"] } } });
});

test("JSON is taken whatever type it is said to be", async () => {
  const body = JSON.stringify({ user: { email: "jake@example.com", password: "password" } });
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-8"]) {
    const answer = await conduit.call("POST", "/users/login", { body, headers: { "content-type": type } });
    expect(answer.status).toBe(200);
  }
});

test("a request without a body may announce one", async () => {
  const slug = await conduit.publish(token);
  const headers = { "content-type": "application/json" };
  expect((await conduit.call("POST", `/articles/${slug}/favorite`, { token, headers })).status).toBe(200);
  expect((await conduit.call("DELETE", `/articles/${slug}/favorite`, { token, headers })).status).toBe(200);
  expect((await conduit.call("POST", "/profiles/jake/follow", { token, headers })).status).toBe(200);
});

test("a body that is too long is refused", async () => {
  const body = JSON.stringify({ article: { title: "t", description: "d", body: "x".repeat(1_048_576) } });
  const headers = { "content-type": "application/json" };
  expect(await conduit.call("POST", "/articles", { token, body, headers })).toMatchObject(errors(413));
  const article = { title: "t", description: "d", body: "x".repeat(200_001) };
  expect(await conduit.call("POST", "/articles", { token, body: { article } })).toMatchObject(errors(422));
  const longest = { ...article, body: "x".repeat(200_000) };
  expect((await conduit.call("POST", "/articles", { token, body: { article: longest } })).status).toBe(201);
});

test("an address that is not well formed is refused", async () => {
  for (const path of ["/profiles/%zz", "/articles/%E0%A4%A", `/articles/${"x".repeat(5_000)}`]) {
    expect(await statusOf(path)).toBe(404);
  }
});

test("what looks like SQL, HTML or a template is a text like any other", async () => {
  const text = `'; drop table users; -- <script>alert(1)</script> \${1} {{x}} \\ " $1 %s`;
  const slug = await conduit.publish(token, {
    title: text,
    description: text,
    body: text,
    tagList: [text.slice(0, 60)],
  });
  const { body } = await conduit.call("GET", `/articles/${slug}`);
  expect(body.article).toMatchObject({ title: text, description: text, body: text, tagList: [text.slice(0, 60)] });
  const query = new URLSearchParams({ tag: text.slice(0, 60), author: "jake" });
  expect((await conduit.call("GET", `/articles?${query}`)).body.articlesCount).toBe(1);
});

test("over a real connection, a user writes and reads it at once", async () => {
  const send = async (method: string, path: string, body?: object) => {
    const response = await fetch(`${base}${path}`, {
      method,
      headers: { authorization: `Token ${token}`, ...(body && { "content-type": "application/json" }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, type: response.headers.get("content-type"), body: text && JSON.parse(text) };
  };
  const created = await send("POST", "/articles", { article: { title: "Over TCP", description: "d", body: "b 😀" } });
  expect(created).toMatchObject({ status: 201, type: "application/json; charset=utf-8" });
  expect((await send("GET", "/articles?limit=1")).body.articles[0].slug).toBe("over-tcp");
  expect((await send("GET", "/articles/over-tcp")).body.article.body).toBe("b 😀");
  const removed = await send("DELETE", "/articles/over-tcp");
  expect(removed).toEqual({ status: 204, type: null, body: "" });
  expect((await send("GET", "/articles/over-tcp")).status).toBe(404);
  expect((await fetch(`${base}/tags`, { method: "HEAD" })).status).toBe(200);
});

/** Sends the path as it is, which `fetch` would correct first. */
function statusOf(path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(new URL(base), { path: `/api${path}` }, (response) => resolve(response.resume().statusCode))
      .on("error", reject)
      .end();
  });
}
