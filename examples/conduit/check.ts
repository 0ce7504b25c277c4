/**
 * What `ninefold check` does with Conduit, over the public RealWorld API alone: about a third of the operations write.
 * Each article and comment carries a token in its text and each bio a counter, which is all that the ledger needs.
 */
import {
  appendList,
  defineCheck,
  effects,
  memberSet,
  type Plan,
  type Run,
  register,
  type Sight,
  type User,
  type Visitor,
} from "ninefold/check";

interface Author {
  username: string;
  bio: string | null;
  following: boolean;
}
interface Article {
  slug: string;
  title: string;
  createdAt: string;
  favorited: boolean;
  favoritesCount: number;
  author: Author;
}
interface Comment {
  id: number;
  body: string;
}
interface Notification {
  article: { title: string };
}

/** Articles of this run that users read and write about: the latest ones, so that their lists of comments stay short. */
interface World {
  readonly articles: string[];
  /** `createdAt` of the run's first article: whatever is older comes from elsewhere. */
  firstAt: string | undefined;
}
interface State {
  bioVersion: number;
  readonly comments: Array<{ slug: string; id: number; token: string }>;
  readonly favourites: string[];
  readonly followed: string[];
}
type Reader = User<World, State>;

const ARTICLES = 50;
const PAGE = 100;
/** Each user follows this many others for good; they must be told of each article. */
const FRIENDS = 3;

const comments = appendList({
  name: "comments",
  audit: async (visitor, slug) => sawComments(visitor.run, slug, (await visitor.get(commentsOf(slug))) as CommentsBody),
});
/** All articles of the run as one list, and each author's own. */
const articles = appendList({
  name: "articles",
  audit: async (visitor, key) => articles.saw(key, await allOwn(visitor, "/api/articles", "articles")),
});
const byAuthor = appendList({
  name: "articles by author",
  audit: async (visitor, name) => {
    return byAuthor.saw(name, await allOwn(visitor, `/api/articles?author=${name}`, "articles"));
  },
});
const bios = register({
  name: "bio",
  audit: async (visitor, name) => {
    const { profile } = (await visitor.get(`/api/profiles/${name}`)) as { profile: Author };
    return bios.saw(name, visitor.run.version(profile.bio));
  },
});
const favourites = memberSet({
  name: "favourites",
  auditMember: async (visitor, slug) => {
    return favourites.saw(slug, visitor.name, (await articleOf(visitor, slug)).favorited);
  },
  auditCount: async (visitor, slug) => favourites.counted(slug, (await articleOf(visitor, slug)).favoritesCount),
});
const followers = memberSet({
  name: "followers",
  auditMember: async (visitor, name) => {
    const { profile } = (await visitor.get(`/api/profiles/${name}`)) as { profile: Author };
    return followers.saw(name, visitor.name, profile.following);
  },
});
const notifications = effects({
  name: "notifications",
  audit: async (visitor, name) => {
    return notifications.saw(name, await allOwn(visitor, "/api/notifications", "notifications"));
  },
});

interface CommentsBody {
  comments: readonly Comment[];
}
interface ArticlesBody {
  articles: readonly Article[];
}

export default defineCheck<World, State>({
  name: "conduit",
  world: () => ({ articles: [], firstAt: undefined }),
  model: [comments, articles, byAuthor, bios, favourites, followers, notifications],

  users: {
    async enter(visitor) {
      const user = {
        username: visitor.name,
        email: `${visitor.name}@example.com`,
        password: `secret of ${visitor.name}`,
      };
      const { status, body } = await visitor.send({ method: "POST", path: "/api/users", body: { user } });
      if (status !== 201) throw new Error(`sign-up was answered with status ${status}: ${JSON.stringify(body)}`);
      const { token } = (body as { user: { token: string } }).user;
      return { authorization: `Token ${token}`, state: { bioVersion: 0, comments: [], favourites: [], followed: [] } };
    },
    *prepare(user) {
      for (const friend of others(user, 1, FRIENDS)) yield follow(friend, user);
      yield publish(user);
    },
  },

  operations: {
    listArticles: { kind: "read", weight: 15, plan: (user) => readArticles(user) },
    listOwnArticles: { kind: "read", weight: 6, plan: (user) => readOwnArticles(user) },
    getArticle: { kind: "read", weight: 14, plan: (user) => withArticle(user, (slug) => readArticle(slug, user)) },
    listComments: { kind: "read", weight: 14, plan: (user) => withArticle(user, (slug) => readComments(slug, user)) },
    feed: { kind: "read", weight: 6, plan: () => get("/api/articles/feed?limit=10") },
    tags: { kind: "read", weight: 3, plan: () => get("/api/tags") },
    profile: { kind: "read", weight: 6, plan: (user) => readProfile(user.random.pick(user.names) ?? user.name, user) },
    notifications: { kind: "read", weight: 3, plan: (user) => readNotifications(user) },

    postComment: { kind: "write", weight: 10, plan: (user) => withArticle(user, (slug) => postComment(slug, user)) },
    favourite: { kind: "write", weight: 6, plan: (user) => withArticle(user, (slug) => favourite(slug, user)) },
    follow: { kind: "write", weight: 3, plan: (user) => withPasserBy(user, (name) => follow(name, user)) },
    updateBio: { kind: "write", weight: 4, plan: (user) => updateBio(user) },
    publish: { kind: "write", weight: 3, plan: (user) => publish(user) },

    unfavourite: { kind: "delete", weight: 3, plan: (user) => unfavourite(user) },
    unfollow: { kind: "delete", weight: 2, plan: (user) => unfollow(user) },
    deleteComment: { kind: "delete", weight: 2, plan: (user) => deleteComment(user) },
  },
});

const get = (path: string): Plan => ({ method: "GET", path, expect: 200 });
const commentsOf = (slug: string) => `/api/articles/${slug}/comments`;

/** Browsers list pages without `Authorization` at times; their cookies must be enough to see their own writes. */
const anonymously = (user: Reader) => user.cookies && user.random.chance(0.3);

function others(user: Reader, from: number, to: number): string[] {
  const names = user.names;
  const found: string[] = [];
  for (let step = from; step <= to && step < names.length; step++) {
    const name = names[(user.number + step) % names.length];
    if (name !== undefined) found.push(name);
  }
  return found;
}

function withArticle(user: Reader, plan: (slug: string) => Plan): Plan | undefined {
  const slug = user.random.pick(user.world.articles);
  return slug === undefined ? undefined : plan(slug);
}

function withPasserBy(user: Reader, plan: (name: string) => Plan): Plan | undefined {
  const name = user.random.pick(others(user, FRIENDS + 1, FRIENDS + 8));
  return name === undefined ? undefined : plan(name);
}

function readArticles(user: Reader): Plan {
  return {
    ...get("/api/articles?limit=20"),
    anonymous: anonymously(user),
    answer: ({ articles: shown }: ArticlesBody) => [
      articles.saw("all", ownOldestFirst(user.run, shown), { complete: reachesOlder(shown, 20, user.world) }),
    ],
  };
}

function readOwnArticles(user: Reader): Plan {
  return {
    ...get(`/api/articles?author=${user.name}&limit=20`),
    anonymous: anonymously(user),
    answer: ({ articles: shown }: ArticlesBody) => [
      byAuthor.saw(user.name, ownOldestFirst(user.run, shown), { complete: shown.length < 20 }),
    ],
  };
}

/** Whether a page shows all articles of the run: it is not full, or ends with an older one. */
function reachesOlder(shown: readonly Article[], limit: number, { firstAt }: World): boolean {
  const last = shown.at(-1);
  return shown.length < limit || (last !== undefined && firstAt !== undefined && last.createdAt < firstAt);
}

function ownOldestFirst(run: Run, shown: readonly Article[]): string[] {
  return shown.flatMap(({ title }) => run.find(title) ?? []).reverse();
}

function readArticle(slug: string, user: Reader): Plan {
  const anonymous = anonymously(user);
  return {
    ...get(`/api/articles/${slug}`),
    anonymous,
    answer: ({ article }: { article: Article }) => sawArticle(article, anonymous ? undefined : user.name),
  };
}

function sawArticle({ slug, favorited, favoritesCount }: Article, viewer: string | undefined): Sight[] {
  const counted = favourites.counted(slug, favoritesCount);
  return viewer === undefined ? [counted] : [counted, favourites.saw(slug, viewer, favorited)];
}

function readComments(slug: string, user: Reader): Plan {
  return {
    ...get(commentsOf(slug)),
    anonymous: anonymously(user),
    answer: (body: CommentsBody) => [sawComments(user.run, slug, body)],
  };
}

/** The API gives the newest first. */
function sawComments(run: Run, slug: string, body: CommentsBody): Sight {
  const tokens = body.comments.flatMap((comment) => run.find(comment.body) ?? []);
  return comments.saw(slug, tokens.reverse());
}

function readProfile(name: string, user: Reader): Plan {
  return {
    ...get(`/api/profiles/${name}`),
    answer: ({ profile }: { profile: Author }) => [
      bios.saw(name, user.run.version(profile.bio)),
      followers.saw(name, user.name, profile.following),
    ],
  };
}

function readNotifications(user: Reader): Plan {
  return {
    ...get("/api/notifications?limit=20"),
    answer: ({ notifications: shown }: { notifications: readonly Notification[] }) => {
      const tokens = shown.flatMap(({ article }) => user.run.find(article.title) ?? []);
      return [notifications.saw(user.name, tokens, { complete: shown.length < 20 })];
    },
  };
}

function postComment(slug: string, user: Reader): Plan {
  const token = user.run.token();
  return {
    method: "POST",
    path: commentsOf(slug),
    body: { comment: { body: `I could not agree more. ${token}` } },
    expect: 201,
    claims: [comments.append(slug, token)],
    answer: ({ comment }: { comment: Comment }) => {
      if (user.run.find(comment.body) !== token) throw new Error("another comment than the one posted");
      user.state.comments.push({ slug, id: comment.id, token });
      return [];
    },
  };
}

function deleteComment(user: Reader): Plan | undefined {
  const comment = user.state.comments.shift();
  if (comment === undefined) return undefined;
  return {
    method: "DELETE",
    path: `${commentsOf(comment.slug)}/${comment.id}`,
    expect: 204,
    claims: [comments.remove(comment.slug, comment.token)],
  };
}

function favourite(slug: string, user: Reader): Plan {
  return {
    method: "POST",
    path: `/api/articles/${slug}/favorite`,
    expect: 200,
    claims: [favourites.join(slug, user.name)],
    answer: ({ article }: { article: Article }) => {
      user.state.favourites.push(slug);
      return sawArticle(article, user.name);
    },
  };
}

function unfavourite(user: Reader): Plan | undefined {
  const slug = user.state.favourites.shift();
  if (slug === undefined) return undefined;
  return {
    method: "DELETE",
    path: `/api/articles/${slug}/favorite`,
    expect: 200,
    claims: [favourites.leave(slug, user.name)],
    answer: ({ article }: { article: Article }) => sawArticle(article, user.name),
  };
}

function follow(name: string, user: Reader): Plan {
  return {
    method: "POST",
    path: `/api/profiles/${name}/follow`,
    expect: 200,
    claims: [followers.join(name, user.name)],
    answer: ({ profile }: { profile: Author }) => {
      if (!others(user, 1, FRIENDS).includes(name)) user.state.followed.push(name);
      return [followers.saw(name, user.name, profile.following)];
    },
  };
}

function unfollow(user: Reader): Plan | undefined {
  const name = user.state.followed.shift();
  if (name === undefined) return undefined;
  return {
    method: "DELETE",
    path: `/api/profiles/${name}/follow`,
    expect: 200,
    claims: [followers.leave(name, user.name)],
    answer: ({ profile }: { profile: Author }) => [followers.saw(name, user.name, profile.following)],
  };
}

function updateBio(user: Reader): Plan {
  const version = ++user.state.bioVersion;
  return {
    method: "PUT",
    path: "/api/user",
    body: { user: { bio: user.run.versioned(`I am ${user.name}.`, version) } },
    expect: 200,
    claims: [bios.write(user.name, version)],
    answer: ({ user: changed }: { user: Author }) => [bios.saw(user.name, user.run.version(changed.bio))],
  };
}

function publish(user: Reader): Plan {
  const token = user.run.token();
  const article = {
    title: `Notes on ${token}`,
    description: "What I learned today",
    body: `Some thoughts.\n\n${token}`,
    tagList: ["notes", user.cookies ? "browsers" : "programs"],
  };
  return {
    method: "POST",
    path: "/api/articles",
    body: { article },
    expect: 201,
    claims: [
      articles.append("all", token),
      byAuthor.append(user.name, token),
      notifications.emit(token, { set: followers, key: user.name }),
    ],
    answer: ({ article: published }: { article: Article }) => {
      const { world } = user;
      world.articles.push(published.slug);
      if (world.articles.length > ARTICLES) world.articles.shift();
      if (world.firstAt === undefined || published.createdAt < world.firstAt) world.firstAt = published.createdAt;
      return [];
    },
  };
}

async function articleOf(visitor: Visitor, slug: string): Promise<Article> {
  return ((await visitor.get(`/api/articles/${slug}`)) as { article: Article }).article;
}

/**
 * Tokens of all entries of the run in a paged list, oldest first. Pages are read from the newest on until one is not full
 * or shows nothing of the run any more.
 */
async function allOwn(visitor: Visitor, path: string, field: "articles" | "notifications"): Promise<string[]> {
  const tokens: string[] = [];
  for (let offset = 0; ; offset += PAGE) {
    const separator = path.includes("?") ? "&" : "?";
    const page = (await visitor.get(`${path}${separator}limit=${PAGE}&offset=${offset}`)) as Record<string, unknown>;
    const entries = page[field] as ReadonlyArray<{ title: string; article?: { title: string } }>;
    const own = entries.flatMap((entry) => visitor.run.find((entry.article ?? entry).title) ?? []);
    tokens.push(...own);
    if (entries.length < PAGE || own.length === 0) return tokens.reverse();
  }
}
