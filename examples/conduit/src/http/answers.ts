/** JSON schemas of the answers: Fastify writes JSON from them several times faster than without. */

const text = { type: "string" } as const;
const textOrNull = { type: ["string", "null"] } as const;
const flag = { type: "boolean" } as const;
const count = { type: "integer" } as const;
const moment = { type: "string", format: "date-time" } as const;

type Properties = Readonly<Record<string, object>>;

const object = <P extends Properties>(properties: P) => ({ type: "object", properties }) as const;
const list = <I extends object>(items: I) => ({ type: "array", items }) as const;

const profile = object({ username: text, bio: textOrNull, image: textOrNull, following: flag });
const user = object({ email: text, token: text, username: text, bio: textOrNull, image: textOrNull });
const comment = object({ id: count, createdAt: moment, updatedAt: moment, body: text, author: profile });
const preview = object({
  slug: text,
  title: text,
  description: text,
  tagList: list(text),
  createdAt: moment,
  updatedAt: moment,
  favorited: flag,
  favoritesCount: count,
  author: profile,
});
const article = object({ ...preview.properties, body: text });
const notification = object({
  id: count,
  createdAt: moment,
  read: flag,
  article: object({ slug: text, title: text }),
  author: object({ username: text, image: textOrNull }),
});

const answer = <P extends Properties>(status: 200 | 201, properties: P) => ({
  schema: { response: { [status]: object(properties) } },
});

export const userAnswer = answer(200, { user });
export const newUserAnswer = answer(201, { user });
export const profileAnswer = answer(200, { profile });
export const articleAnswer = answer(200, { article });
export const newArticleAnswer = answer(201, { article });
export const articlesAnswer = answer(200, { articles: list(preview), articlesCount: count });
export const commentsAnswer = answer(200, { comments: list(comment) });
export const newCommentAnswer = answer(201, { comment });
export const tagsAnswer = answer(200, { tags: list(text) });
export const notificationsAnswer = answer(200, {
  notifications: list(notification),
  notificationsCount: count,
  unreadCount: count,
});
