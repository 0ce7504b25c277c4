import { randomUUID } from "node:crypto";
import type { Rehearsal } from "ninefold";
import type { Database } from "../schema.ts";
import { createTokens } from "./token.ts";

type Parts = Pick<Rehearsal<Database>, "db" | "secret" | "ask">;

/** A user signs in, publishes, comments and follows. The account is not made by a request, since its password would take 0.1 s. */
export async function rehearse({ db, secret, ask }: Parts): Promise<void> {
  const name = `rehearsal-${randomUUID()}`;
  const account = (username: string) => ({ username, email: `${username}@rehearsal.invalid`, password_hash: "" });
  const users = await db
    .insertInto("users")
    .values([account(name), account(`${name}-2`)])
    .returning(["id", "username"])
    .execute();
  const [author = "", reader = ""] = users.map(({ id }) => `Token ${createTokens(secret("jwt")).issue(id)}`);
  const as = async (authorization: string, method: string, path: string, json?: unknown) => {
    const answer = await ask(`/api${path}`, { method, headers: { authorization }, json });
    if (answer.status >= 400) throw new Error(`${method} ${path} was answered ${answer.status}: ${answer.text}`);
    return answer;
  };

  await as(reader, "POST", `/profiles/${name}/follow`);
  const article = { title: name, description: "played", body: "for practice", tagList: ["rehearsal"] };
  const published = await as(author, "POST", "/articles", { article });
  const { slug } = (published.json() as { article: { slug: string } }).article;
  await as(author, "PUT", `/articles/${slug}`, { article: { body: "twice" } });
  await as(reader, "POST", `/articles/${slug}/favorite`);
  await as(reader, "POST", `/articles/${slug}/comments`, { comment: { body: "read" } });
  await as(reader, "GET", `/articles/${slug}`);
  await as(reader, "GET", `/articles/${slug}/comments`);
  await as(reader, "GET", "/articles/feed?limit=20");
  await as(reader, "GET", "/user");
  await as(reader, "PUT", "/user", { user: { bio: "plays" } });
  await as(reader, "GET", "/notifications");
  await as(reader, "DELETE", `/articles/${slug}/favorite`);
  await as(reader, "DELETE", `/profiles/${name}/follow`);
  await as(author, "DELETE", `/articles/${slug}`);
}
