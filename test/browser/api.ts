import { expect } from "vitest";

export interface Member {
  readonly username: string;
  readonly email: string;
  readonly password: string;
  readonly token: string;
}

export interface ArticleText {
  readonly title: string;
  readonly description: string;
  readonly body: string;
  readonly tagList: readonly string[];
}

interface ApiOptions {
  readonly url: string;
  /** Token for requests that name no member; undefined where none is needed. */
  latestSession(): Promise<string | undefined>;
  /** Runs after each request. */
  done(): Promise<void>;
}

let last = 0;
/** A name that no other test of this run has. */
export const unique = (prefix: string): string => `${prefix}${Date.now().toString(36)}${++last}`;

/** What the tests do behind the browser's back: the same API, without pages. */
export function conduitApi({ url, latestSession, done }: ApiOptions) {
  const call = async (method: string, path: string, token?: string, body?: unknown): Promise<unknown> => {
    const session = token === undefined ? await latestSession() : undefined;
    const response = await fetch(`${url}/api${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...(token === undefined ? {} : { Authorization: `Token ${token}` }),
        ...(session === undefined ? {} : { "Ninefold-Session": session }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    await done();
    expect(response.ok, `${method} ${path} answered ${response.status} ${text}`).toBe(true);
    return text === "" ? undefined : JSON.parse(text);
  };
  return {
    call,
    async member(username = unique("user")): Promise<Member> {
      const account = { username, email: `${unique("mail")}@example.com`, password: "password123" };
      const answer = (await call("POST", "/users", undefined, { user: account })) as { user: Member };
      return { ...account, token: answer.user.token };
    },
    /** Publishes and gives the slug. */
    async article(author: Member, text: Partial<ArticleText> = {}): Promise<string> {
      const whole = { title: unique("Title "), description: "About it", body: "The text.", tagList: [], ...text };
      const answer = (await call("POST", "/articles", author.token, { article: whole })) as {
        article: { slug: string };
      };
      return answer.article.slug;
    },
    comment: (author: Member, slug: string, body: string) =>
      call("POST", `/articles/${slug}/comments`, author.token, { comment: { body } }),
    follow: (follower: Member, followed: Member) =>
      call("POST", `/profiles/${followed.username}/follow`, follower.token),
  };
}

export type ConduitApi = ReturnType<typeof conduitApi>;
