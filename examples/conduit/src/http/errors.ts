import type { FastifyError, FastifyInstance, FastifyReply } from "fastify";
import type { Resources } from "ninefold";
import type { Database } from "../../schema.ts";
import { orphaned, Refusal } from "../problems.ts";

/** Codes of Ninefold's errors that pass by themselves: the client should come back. */
const AWAY = new Set(["database-busy", "database-unavailable", "transaction-lost", "outcome-unknown"]);

/** Answers everything that goes wrong in the shape of the API: `{"errors": {"<key>": ["<message>"]}}`. */
export function answerErrors(app: FastifyInstance, log: Resources<Database>["log"]): void {
  app.setNotFoundHandler((_request, reply) => notFoundPath(reply));

  app.setErrorHandler((error: FastifyError, request, reply) => {
    const refusal = error instanceof Refusal ? error : (orphaned(error) ?? ofFramework(error));
    if (refusal !== undefined) return reply.code(refusal.statusCode).send({ errors: refusal.errors });
    if (AWAY.has(error.code)) {
      if (error.code === "outcome-unknown") reply.header("ninefold-outcome", "unknown");
      return reply
        .code(503)
        .header("retry-after", "1")
        .send({ errors: { service: ["is unavailable"] } });
    }
    log.error({ err: error, method: request.method, route: request.routeOptions.url }, "a request failed");
    return reply.code(500).send({ errors: { service: ["failed"] } });
  });
}

/** An address that leads nowhere, be it unknown or not even well formed. */
export function notFoundPath(reply: FastifyReply): FastifyReply {
  return reply.code(404).send({ errors: { path: ["not found"] } });
}

/** What Fastify itself refuses, such as a body that is too long. */
function ofFramework(error: FastifyError): Refusal | undefined {
  const { statusCode = 500 } = error;
  if (statusCode < 400 || statusCode >= 500) return undefined;
  if (statusCode === 413) return new Refusal(413, { body: ["is too long"] });
  return new Refusal(statusCode === 400 ? 422 : statusCode, { request: [error.message] });
}
