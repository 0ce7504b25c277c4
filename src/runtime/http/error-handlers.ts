import { currentContext } from "../context.ts";
import { answerFor } from "./errors.ts";

interface FastifyReply {
  code(status: number): FastifyReply;
  headers(values: Readonly<Record<string, string>>): FastifyReply;
  send(body: unknown): unknown;
}
interface FastifyErrors {
  errorHandler?: { name?: string };
  setErrorHandler(handler: (error: FailedRequest, request: unknown, reply: FastifyReply) => unknown): unknown;
}
interface HonoErrors {
  errorHandler?: unknown;
  onError(handler: (error: unknown) => Response): unknown;
}
type FailedRequest = Error & { statusCode?: number; status?: number; code?: string; headers?: Record<string, string> };

/**
 * Fastify's and Hono's built-in error handlers know nothing of a busy database (they would answer 500), and Fastify's tells
 * the client the error's message. An app that has no error handler of its own gets ours at its root; one that has keeps it.
 */
export function answerOwnErrors(app: object): void {
  if (isFastify(app)) {
    try {
      app.setErrorHandler(fastifyErrorHandler);
    } catch {
      // The app was made ready by its own code: Fastify then accepts no error handler, and keeps its own.
    }
  } else if (isHono(app)) {
    app.onError((error) => {
      if (carriesResponse(error)) return error.getResponse();
      const answer = answered(error);
      return Response.json(answer.body, { status: answer.status, headers: answer.headers });
    });
  }
}

function isFastify(app: object): app is FastifyErrors {
  return "setErrorHandler" in app && (app as FastifyErrors).errorHandler?.name === "defaultErrorHandler";
}

/** Hono tells its default handler from a user's only by identity: a fresh app of the same class has the default one. */
function isHono(app: object): app is HonoErrors {
  if (!("onError" in app && "errorHandler" in app)) return false;
  const Class = app.constructor as new () => HonoErrors;
  return new Class().errorHandler === app.errorHandler;
}

/** Hono's own HTTPException. */
function carriesResponse(error: unknown): error is { getResponse(): Response } {
  return typeof error === "object" && error !== null && "getResponse" in error;
}

function fastifyErrorHandler(error: FailedRequest, _request: unknown, reply: FastifyReply): unknown {
  const status = error.statusCode ?? error.status ?? 500;
  if (status >= 400 && status < 500) {
    // What Fastify itself says about a bad request; such messages are about the request, not about the inside.
    if (error.headers !== undefined) reply.headers(error.headers);
    return reply.code(status).send(error);
  }
  const answer = answered(error);
  return reply.code(answer.status).headers(answer.headers).send(answer.body);
}

function answered(error: unknown) {
  const answer = answerFor(error);
  const log = currentContext()?.log;
  if (answer.status === 500) log?.error({ err: error }, "request failed");
  else log?.warn({ err: error, code: answer.body.code }, "request refused");
  return answer;
}
