import Fastify, { type FastifyInstance } from "fastify";
import type { Resources } from "ninefold";
import type { Database } from "../schema.ts";
import { articleRoutes } from "./articles/routes.ts";
import { commentRoutes } from "./comments/routes.ts";
import { favouriteRoutes } from "./favourites/routes.ts";
import { authentication } from "./http/authentication.ts";
import { answerErrors, notFoundPath } from "./http/errors.ts";
import { readJsonBodies } from "./http/json-body.ts";
import { imageRoutes } from "./images/routes.ts";
import { notificationRoutes } from "./notifications/routes.ts";
import { profileRoutes } from "./profiles/routes.ts";
import { tagRoutes } from "./tags/routes.ts";
import { createTokens } from "./token.ts";
import { userRoutes } from "./users/routes.ts";

const SUBJECTS = [
  userRoutes,
  profileRoutes,
  articleRoutes,
  commentRoutes,
  favouriteRoutes,
  tagRoutes,
  imageRoutes,
  notificationRoutes,
];

/** Conduit's HTTP side: the RealWorld API under `/api`, with avatars and notifications besides. */
export function buildApp({ db, jobs, log, secret }: Resources<Database>): FastifyInstance {
  const app = Fastify({
    // Slugs of other scripts are long when they are percent-encoded; clients write `/articles/` as well as `/articles`.
    routerOptions: { maxParamLength: 1_000, ignoreTrailingSlash: true },
    bodyLimit: 1_048_576,
    frameworkErrors: (_error, _request, reply) => notFoundPath(reply),
  });
  app.decorateRequest("viewer", undefined);
  answerErrors(app, log);
  readJsonBodies(app);

  const tokens = createTokens(secret("jwt"));
  const parts = { db, jobs, tokens, auth: authentication(tokens) };
  for (const routes of SUBJECTS) app.register(async (scope) => routes(scope, parts), { prefix: "/api" });
  return app;
}
