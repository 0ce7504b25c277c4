/** What the benchmark's clients do with Conduit: pages of seeded data for reading, small changes of it for writing. */
import { type Check, defineCheck, type Plan, type User } from "../src/check/index.ts";

interface World {
  /** Slugs of seeded articles, and their authors. */
  readonly slugs: string[];
  readonly authors: string[];
}
interface State {
  version: number;
  readonly favourites: string[];
}
type Client = User<World, State>;

interface ArticlesBody {
  readonly articles: ReadonlyArray<{ readonly slug: string; readonly author: { readonly username: string } }>;
}

const PAGES = 10;
const PAGE = 100;

export const conduitMix: Check = defineCheck<World, State>({
  name: "conduit mix",
  world: () => ({ slugs: [], authors: [] }),
  model: [],
  users: {
    async enter(visitor, world) {
      const user = { username: visitor.name, email: `${visitor.name}@example.com`, password: "password" };
      const { status, body } = await visitor.send({ method: "POST", path: "/api/users", body: { user } });
      if (status !== 201) throw new Error(`sign-up was answered with status ${status}: ${JSON.stringify(body)}`);
      if (world.slugs.length === 0) await explore(world, (path) => visitor.get(path) as Promise<ArticlesBody>);
      const { token } = (body as { user: { token: string } }).user;
      return { authorization: `Token ${token}`, state: { version: 0, favourites: [] } };
    },
  },
  operations: {
    listArticles: { kind: "read", weight: 25, plan: () => get("/api/articles?limit=20") },
    getArticle: { kind: "read", weight: 30, plan: (user) => get(`/api/articles/${slug(user)}`) },
    listComments: { kind: "read", weight: 20, plan: (user) => get(`/api/articles/${slug(user)}/comments`) },
    feed: { kind: "read", weight: 10, plan: () => get("/api/articles/feed?limit=20") },
    profile: { kind: "read", weight: 10, plan: (user) => get(`/api/profiles/${author(user)}`) },
    tags: { kind: "read", weight: 5, plan: () => get("/api/tags") },

    postComment: {
      kind: "write",
      weight: 35,
      plan: (user) =>
        post(`/api/articles/${slug(user)}/comments`, 201, { comment: { body: "I could not agree more." } }),
    },
    favourite: {
      kind: "write",
      weight: 20,
      plan: (user) => {
        const chosen = slug(user);
        user.state.favourites.push(chosen);
        return post(`/api/articles/${chosen}/favorite`, 200);
      },
    },
    unfavourite: {
      kind: "write",
      weight: 15,
      plan: ({ state }) => {
        const chosen = state.favourites.shift();
        return chosen === undefined
          ? undefined
          : { method: "DELETE", path: `/api/articles/${chosen}/favorite`, expect: 200 };
      },
    },
    follow: { kind: "write", weight: 10, plan: (user) => post(`/api/profiles/${author(user)}/follow`, 200) },
    updateBio: {
      kind: "write",
      weight: 10,
      plan: ({ state, run, name }) => ({
        method: "PUT",
        path: "/api/user",
        body: { user: { bio: run.versioned(name, ++state.version) } },
        expect: 200,
      }),
    },
    publish: {
      kind: "write",
      weight: 10,
      plan: ({ run }) => {
        const title = `Notes ${run.token()}`;
        return post("/api/articles", 201, {
          article: { title, description: "What I learned", body: title, tagList: ["notes"] },
        });
      },
    },
  },
});

const get = (path: string): Plan => ({ method: "GET", path, expect: 200 });
const post = (path: string, expect: number, body?: unknown): Plan => ({ method: "POST", path, expect, body });
const slug = ({ world, random }: Client) => random.pick(world.slugs) ?? "";
const author = ({ world, random }: Client) => random.pick(world.authors) ?? "";

async function explore(world: World, read: (path: string) => Promise<ArticlesBody>) {
  const authors = new Set<string>();
  const slugs: string[] = [];
  for (let page = 0; page < PAGES; page++) {
    const { articles } = await read(`/api/articles?limit=${PAGE}&offset=${page * PAGE}`);
    for (const article of articles) {
      slugs.push(article.slug);
      authors.add(article.author.username);
    }
    if (articles.length < PAGE) break;
  }
  if (slugs.length === 0) throw new Error("there are no articles; seed the database first");
  world.slugs.push(...slugs);
  world.authors.push(...authors);
}
