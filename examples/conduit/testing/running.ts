import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { statePaths } from "../../../src/control/paths.ts";
import { openDatabase } from "../../../src/runtime/data/index.ts";
import { secretsFrom } from "../../../src/runtime/secret.ts";
import { Endpoints } from "../../../src/topology/endpoints.ts";
import { InstanceSecrets } from "../../../src/topology/instance-config.ts";
import type { Database } from "../schema.ts";
import { type Call, type Send, shortcuts, type TestConduit, untilJobsAreDone } from "./conduit.ts";

/**
 * Conduit as it runs already, at whatever rung. Everything in its database is deleted first.
 * @param url where it answers
 * @param folder the service's folder, which tells the database, the secrets and the e-mails
 */
export async function runningConduit(url: string, folder: string): Promise<TestConduit> {
  const paths = statePaths(folder);
  const endpoints = Endpoints.parse(JSON.parse(await readFile(paths.endpoints, "utf8")));
  const { main } = endpoints.clusters;
  if (main === undefined) throw new Error(`${paths.endpoints} knows no database`);
  const secrets = InstanceSecrets.parse(JSON.parse(await readFile(paths.serviceSecrets, "utf8")));
  const database = openDatabase<Database>({
    // Only the primary: what is asked here belongs to no session that a standby could wait for.
    endpoints: { ...endpoints, clusters: { main: { ...main, standbys: [] } } },
    credentials: secrets.database,
    connections: 2,
    holdMs: 10_000,
  });
  const { db } = database;
  const runJobs = () => untilJobsAreDone(db);
  await runJobs();
  await rm(join(folder, "mail"), { recursive: true, force: true });
  for (const table of ["images", "notifications", "tag_counts", "articles", "follows", "users"] as const) {
    await db.deleteFrom(table).execute();
  }
  const call = client(url);
  return {
    url,
    db,
    folder,
    app: undefined,
    call,
    secret: secretsFrom(secrets.serviceKey),
    ...shortcuts(call),
    runJobs,
    latestSession: () => latestSession(url),
    [Symbol.asyncDispose]: () => database.close(),
  };
}

/**
 * A client that may have seen anything that was written before: with a user's token and no session, as API clients ask, it is
 * taken for that. Without a token it brings the session that such a client was given the moment before.
 */
function client(url: string): Send {
  const send = async (method: string, path: string, { body, token, headers }: Call) => {
    const json = body !== undefined && typeof body !== "string" && !Buffer.isBuffer(body);
    const answer = await fetch(`${url}/api${path}`, {
      method,
      headers: {
        ...(json && { "content-type": "application/json" }),
        ...(token !== undefined && { authorization: `Token ${token}` }),
        ...headers,
      },
      ...(body !== undefined && { body: json ? JSON.stringify(body) : (body as string) }),
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    const parsed = answer.headers.get("content-type")?.startsWith("application/json") ? JSON.parse(`${bytes}`) : bytes;
    return { status: answer.status, body: parsed, headers: Object.fromEntries(answer.headers) };
  };
  return async (method, path, call = {}) => {
    if (call.token !== undefined || call.headers?.authorization !== undefined) return send(method, path, call);
    const session = call.stranger ? undefined : await latestSession(url);
    return send(method, path, {
      ...call,
      headers: { ...(session !== undefined && { "ninefold-session": session }), ...call.headers },
    });
  };
}

async function latestSession(url: string): Promise<string | undefined> {
  const answer = await fetch(`${url}/api/tags`, { headers: { authorization: "Token none" } });
  await answer.arrayBuffer();
  return answer.headers.get("ninefold-session") ?? undefined;
}
