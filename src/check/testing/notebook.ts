import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { appendList, type Check, defineCheck, effects, type Plan, register } from "../index.ts";

/** What a notebook does wrong with one request. */
export type Fault =
  | "fail" // answers 500 and does nothing
  | "fail after" // answers 500 although it did it
  | "lose" // acknowledges and does nothing
  | "twice" // does it twice
  | "hang" // does it and never answers
  | "cut" // does it and cuts the connection
  | "outcome unknown" // does nothing and says 503, outcome unknown
  | "nonsense" // does it and answers with something else than JSON
  | "forget" // reads show the state without the latest note
  | "undelivered"; // does it without its effect

export interface Notebook extends AsyncDisposable {
  readonly url: string;
  /** Chooses the fault for a request, by its method, path and number from 1. */
  misbehave: (method: string, path: string, number: number) => Fault | undefined;
  /** Answers nothing until the promise is settled. */
  stall: Promise<unknown> | undefined;
  /** Requests that carried a cookie, and those that did not. */
  readonly seen: { cookies: number; plain: number };
  close(): Promise<void>;
}

/** A tiny service over real HTTP to check the checker with: notes, a motto for each user, and an inbox that gets each note's copy. */
export async function startNotebook(): Promise<Notebook> {
  const notes: string[] = [];
  const mottos = new Map<string, string>();
  const inbox: string[] = [];
  let requests = 0;
  const apply = (path: string, text: string, fault: Fault | undefined) => {
    if (fault === "fail" || fault === "lose" || fault === "outcome unknown") return;
    if (path.startsWith("/mottos/")) mottos.set(path, text);
    else {
      notes.push(text);
      if (fault === "twice") inbox.push(text);
      if (fault !== "undelivered") inbox.push(text);
    }
  };
  const read = (path: string, fault: Fault | undefined) => {
    if (path === "/inbox") return inbox;
    if (path === "/notes") return fault === "forget" ? notes.slice(0, -1) : notes;
    return mottos.get(path) ?? null;
  };
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { method = "", url: path = "" } = request;
    await notebook.stall;
    const fault = notebook.misbehave(method, path, ++requests);
    if (request.headers.cookie === undefined) notebook.seen.plain++;
    else notebook.seen.cookies++;
    if (method === "POST") apply(path, JSON.parse(body).text, fault);
    if (fault === "hang") return;
    if (fault === "cut") return void request.socket.destroy();
    const failed = fault === "fail" || fault === "fail after";
    response.statusCode = failed ? 500 : fault === "outcome unknown" ? 503 : 200;
    response.setHeader("set-cookie", "session=1; Path=/; HttpOnly");
    if (fault === "outcome unknown") response.end(JSON.stringify({ error: "OutcomeUnknown" }));
    else if (fault === "nonsense") response.end("<html>");
    else response.end(JSON.stringify(method === "GET" ? read(path, fault) : null));
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  const notebook: Notebook = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    misbehave: () => undefined,
    stall: undefined,
    seen: { cookies: 0, plain: 0 },
    close,
    [Symbol.asyncDispose]: close,
  };
  return notebook;
}

const notes = appendList({
  name: "notes",
  audit: async (visitor) => notes.saw("all", (await visitor.get("/notes")) as string[]),
});
const mottos = register({
  name: "mottos",
  audit: async (visitor, name) => mottos.saw(name, visitor.run.version(await visitor.get(`/mottos/${name}`))),
});
const inbox = effects({
  name: "inbox",
  audit: async (visitor, name) => inbox.saw(name, (await visitor.get("/inbox")) as string[]),
});

/** The check file of the notebook. The first user is the one whose inbox it is. */
export const notebookCheck: Check = defineCheck<null, { version: number }>({
  name: "notebook",
  world: () => null,
  model: [notes, mottos, inbox],
  users: { enter: async () => ({ authorization: "Token x", state: { version: 0 } }) },
  operations: {
    list: {
      kind: "read",
      weight: 4,
      plan: () => ({
        method: "GET",
        path: "/notes",
        expect: 200,
        answer: (body: string[]) => [notes.saw("all", body)],
      }),
    },
    motto: {
      kind: "read",
      weight: 2,
      plan: ({ name, run }) => ({
        method: "GET",
        path: `/mottos/${name}`,
        expect: 200,
        answer: (body: string | null) => [mottos.saw(name, run.version(body))],
      }),
    },
    note: {
      kind: "write",
      weight: 2,
      plan: ({ run, names }): Plan => {
        const token = run.token();
        const claims = [notes.append("all", token), inbox.emit(token, { users: names.slice(0, 1) })];
        return { method: "POST", path: "/notes", body: { text: token }, expect: 200, claims };
      },
    },
    say: {
      kind: "write",
      weight: 1,
      plan: ({ name, run, state }) => {
        const version = ++state.version;
        return {
          method: "POST",
          path: `/mottos/${name}`,
          body: { text: run.versioned(name, version) },
          expect: 200,
          claims: [mottos.write(name, version)],
        };
      },
    },
  },
});
