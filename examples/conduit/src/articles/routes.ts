import type { FastifyInstance } from "fastify";
import { articleAnswer, articlesAnswer, newArticleAnswer } from "../http/answers.ts";
import { signedIn } from "../http/authentication.ts";
import type { Parts } from "../http/parts.ts";
import { Input, isStorable, readFilter, readPage } from "../input.ts";
import { notFound } from "../problems.ts";
import { articleBySlug } from "./find.ts";
import { articleLists } from "./list.ts";
import { publisher } from "./publish.ts";
import { remover, reviser } from "./revise.ts";

const TITLE = { max: 255 };
const DESCRIPTION = { max: 1_000 };
const BODY = { max: 200_000 };
const TAGS = { max: 64, items: 50 };

type Query = Readonly<Record<string, unknown>>;

interface Named {
  Params: { slug: string };
}

export function articleRoutes(app: FastifyInstance, { db, jobs, auth }: Parts): void {
  const lists = articleLists(db);
  const find = articleBySlug(db);
  const publish = publisher(db, jobs);
  const revise = reviser(db);
  const remove = remover(db);

  app.get<{ Querystring: Query }>("/articles", { ...articlesAnswer, onRequest: auth.optional }, (request) => {
    const { query, viewer } = request;
    const page = readPage(query);
    const filter = {
      tag: readFilter(query, "tag"),
      author: readFilter(query, "author"),
      favorited: readFilter(query, "favorited"),
    };
    const possible = Object.values(filter).every((text) => text === undefined || (text !== "" && isStorable(text)));
    return possible ? lists.recent(filter, page, viewer) : Promise.resolve({ articles: [], articlesCount: 0 });
  });

  app.get<{ Querystring: Query }>("/articles/feed", { ...articlesAnswer, onRequest: auth.required }, (request) =>
    lists.feed(readPage(request.query), signedIn(request)),
  );

  app.get<Named>("/articles/:slug", { ...articleAnswer, onRequest: auth.lenient }, async (request) => ({
    article: await find(slugIn(request.params), request.viewer),
  }));

  app.post("/articles", { ...newArticleAnswer, onRequest: auth.required }, async (request, reply) => {
    const input = new Input(request.body, "article");
    const article = {
      title: input.required("title", TITLE),
      description: input.required("description", DESCRIPTION),
      body: input.required("body", BODY),
      tags: input.list("tagList", TAGS) ?? [],
    };
    input.check();
    const published = await publish(signedIn(request), article);
    reply.code(201);
    return { article: published };
  });

  app.put<Named>("/articles/:slug", { ...articleAnswer, onRequest: auth.required }, async (request) => {
    const viewer = signedIn(request);
    const input = new Input(request.body, "article");
    const revision = {
      title: input.optional("title", TITLE),
      description: input.optional("description", DESCRIPTION),
      body: input.optional("body", BODY),
      tags: input.list("tagList", TAGS),
    };
    input.check();
    return { article: await find(await revise(viewer, slugIn(request.params), revision), viewer) };
  });

  app.delete<Named>("/articles/:slug", { onRequest: auth.required }, async (request, reply) => {
    await remove(signedIn(request), slugIn(request.params));
    return reply.code(204).send();
  });
}

/** The slug in the address. Throws a 404 for one that cannot be anywhere. */
export function slugIn({ slug }: { slug: string }): string {
  if (!isStorable(slug)) throw notFound("article");
  return slug;
}
