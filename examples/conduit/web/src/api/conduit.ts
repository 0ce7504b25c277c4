import { malformed } from "./error.ts";
import { part, type RequestOptions, request } from "./http.ts";
import type {
  Article,
  ArticlePage,
  ArticleSummary,
  Comment,
  Draft,
  NotificationPage,
  Profile,
  Registration,
  User,
  UserChange,
} from "./types.ts";

/** Which list of articles; `following` is the reader's own feed. */
export type Feed =
  | { readonly kind: "global" }
  | { readonly kind: "following" }
  | { readonly kind: "tag"; readonly tag: string }
  | { readonly kind: "author"; readonly username: string }
  | { readonly kind: "favorited"; readonly username: string };

export const ARTICLES_PER_PAGE = 10;
export const NOTIFICATIONS_PER_PAGE = 20;

const id = encodeURIComponent;

/** `page` counts from 1. */
export async function listArticles(feed: Feed, page: number, signal: AbortSignal): Promise<ArticlePage> {
  const query = new URLSearchParams();
  if (feed.kind === "tag") query.set("tag", feed.tag);
  if (feed.kind === "author") query.set("author", feed.username);
  if (feed.kind === "favorited") query.set("favorited", feed.username);
  query.set("limit", String(ARTICLES_PER_PAGE));
  query.set("offset", String((page - 1) * ARTICLES_PER_PAGE));
  const path = feed.kind === "following" ? "/articles/feed" : "/articles";
  const answer = await request("GET", `${path}?${query}`, { signal });
  const articles = part<ArticleSummary[]>(answer, "articles");
  return { articles, articlesCount: count(answer, "articlesCount") };
}

export async function listTags(signal: AbortSignal): Promise<readonly string[]> {
  return part(await request("GET", "/tags", { signal }), "tags");
}

export async function getArticle(slug: string, signal: AbortSignal): Promise<Article> {
  return part(await request("GET", `/articles/${id(slug)}`, { signal }), "article");
}

export async function createArticle(draft: Draft): Promise<Article> {
  return part(await request("POST", "/articles/", { body: { article: draft } }), "article");
}

export async function updateArticle(slug: string, draft: Draft): Promise<Article> {
  return part(await request("PUT", `/articles/${id(slug)}`, { body: { article: draft } }), "article");
}

export async function deleteArticle(slug: string): Promise<void> {
  await request("DELETE", `/articles/${id(slug)}`);
}

export async function setFavorite(slug: string, favorite: boolean): Promise<Article> {
  return part(await request(favorite ? "POST" : "DELETE", `/articles/${id(slug)}/favorite`), "article");
}

export async function listComments(slug: string, signal: AbortSignal): Promise<readonly Comment[]> {
  return part(await request("GET", `/articles/${id(slug)}/comments`, { signal }), "comments");
}

export async function createComment(slug: string, body: string): Promise<Comment> {
  return part(await request("POST", `/articles/${id(slug)}/comments`, { body: { comment: { body } } }), "comment");
}

export async function deleteComment(slug: string, comment: number): Promise<void> {
  await request("DELETE", `/articles/${id(slug)}/comments/${comment}`);
}

export async function getProfile(username: string, signal: AbortSignal): Promise<Profile> {
  return part(await request("GET", `/profiles/${id(username)}`, { signal }), "profile");
}

export async function setFollowing(username: string, follow: boolean): Promise<Profile> {
  return part(await request(follow ? "POST" : "DELETE", `/profiles/${id(username)}/follow`), "profile");
}

export async function signIn(email: string, password: string): Promise<User> {
  return user(await request("POST", "/users/login", { body: { user: { email, password } }, anonymous: true }));
}

export async function signUp(registration: Registration): Promise<User> {
  return user(await request("POST", "/users", { body: { user: registration }, anonymous: true }));
}

export async function getUser(): Promise<User> {
  return user(await request("GET", "/user", { background: true }));
}

export async function updateUser(change: UserChange): Promise<User> {
  return user(await request("PUT", "/user", { body: { user: change } }));
}

export async function uploadImage(file: File): Promise<User> {
  const body = new FormData();
  body.set("image", file);
  return user(await request("POST", "/user/image", { body }));
}

export async function listNotifications(
  page: number,
  options: RequestOptions & { readonly limit?: number } = {},
): Promise<NotificationPage> {
  const limit = options.limit ?? NOTIFICATIONS_PER_PAGE;
  const answer = await request("GET", `/notifications?limit=${limit}&offset=${(page - 1) * limit}`, options);
  return {
    notifications: part(answer, "notifications"),
    notificationsCount: count(answer, "notificationsCount"),
    unreadCount: count(answer, "unreadCount"),
  };
}

export async function markNotificationsRead(): Promise<void> {
  await request("POST", "/notifications/read");
}

function user(answer: unknown): User {
  const found = part<User>(answer, "user");
  if (typeof found.username !== "string") throw malformed(200);
  return found;
}

function count(answer: unknown, key: string): number {
  const value = (answer as Readonly<Record<string, unknown>>)[key];
  return typeof value === "number" ? value : 0;
}
