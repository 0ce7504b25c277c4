import type { FastifyInstance } from "fastify";
import { invalid } from "../problems.ts";

/**
 * Takes every body for JSON, whatever its type is said to be, and an empty one for none: many clients announce JSON
 * with requests that have no body, such as favouriting.
 */
export function readJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => {
    if (body.length === 0) return done(null, undefined);
    try {
      done(null, JSON.parse(body.toString()));
    } catch {
      done(invalid({ body: ["is not JSON"] }));
    }
  });
}
