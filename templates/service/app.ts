import type { IncomingMessage, ServerResponse } from "node:http";
import type { Kysely } from "kysely";
import type { Jobs } from "ninefold";
import type { Database } from "./schema.ts";

/** A plain request listener; a Fastify or Hono application may stand in its place. */
export function buildApp(db: Kysely<Database>, jobs: Jobs<Database>) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    if (pathname === "/api/notes" && request.method === "GET") return send(response, 200, await listNotes(db));
    if (pathname === "/api/notes" && request.method === "POST") return addNote(db, jobs, request, response);
    send(response, 404, { error: "not found" });
  };
}

function listNotes(db: Kysely<Database>) {
  return db.selectFrom("notes").selectAll().orderBy("id", "desc").limit(50).execute();
}

async function addNote(
  db: Kysely<Database>,
  jobs: Jobs<Database>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const text = textOf(await bodyOf(request));
  if (text === undefined) return send(response, 422, { error: 'send {"text": "..."} with at least one character' });
  const note = await db.transaction().execute(async (trx) => {
    const added = await trx.insertInto("notes").values({ text }).returningAll().executeTakeFirstOrThrow();
    await jobs.enqueue("countWords", { id: added.id }, { trx });
    return added;
  });
  send(response, 201, note);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += chunk;
  return body;
}

function textOf(body: string): string | undefined {
  try {
    const { text } = JSON.parse(body);
    return typeof text === "string" && text.trim() !== "" ? text : undefined;
  } catch {
    return undefined;
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
