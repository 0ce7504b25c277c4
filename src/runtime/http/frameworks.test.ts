import type { IncomingMessage } from "node:http";
import fastify from "fastify";
import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { expect, test } from "vitest";
import { context } from "../context.ts";
import { DatabaseBusy, OutcomeUnknown } from "../data/errors.ts";
import type { HttpApp } from "../service.ts";
import { currentSession } from "../session/index.ts";
import { hostApp, raw } from "./testing.ts";

/** Says what the context is; and moves the session, as a write to the database would. */
const said = () => {
  currentSession()?.merge({ cluster: "main", system: "7", epoch: 1, timeline: 1, lsn: 5n });
  return { id: context().requestId, datacenter: context().datacenter };
};

/** The same small service in each framework. */
const apps: Record<string, () => HttpApp> = {
  fastify: () => {
    const app = fastify();
    app.post("/echo", async (request) => ({ got: request.body, ...said() }));
    app.get("/boom", async () => Promise.reject(new Error("secret inside")));
    app.get("/busy", async () => Promise.reject(new DatabaseBusy("full")));
    app.get("/unknown", async () => Promise.reject(new OutcomeUnknown("lost")));
    app.get("/cookies", async (_request, reply) => {
      context().session.merge({ cluster: "main", system: "7", epoch: 1, timeline: 1, lsn: 5n });
      return reply.header("set-cookie", ["a=1", "b=2"]).send({});
    });
    return app;
  },
  hono: () => {
    const app = new Hono();
    app.post("/echo", async (c) => c.json({ got: await c.req.json(), ...said() }));
    app.get("/boom", () => Promise.reject(new Error("secret inside")));
    app.get("/busy", () => Promise.reject(new DatabaseBusy("full")));
    app.get("/unknown", () => Promise.reject(new OutcomeUnknown("lost")));
    app.get("/cookies", (c) => {
      context().session.merge({ cluster: "main", system: "7", epoch: 1, timeline: 1, lsn: 5n });
      c.header("set-cookie", "a=1");
      c.header("set-cookie", "b=2", { append: true });
      return c.json({});
    });
    return app;
  },
  listener: () => async (request, response) => {
    if (request.url === "/boom") throw new Error("secret inside");
    if (request.url === "/busy") throw new DatabaseBusy("full");
    if (request.url === "/unknown") throw new OutcomeUnknown("lost");
    if (request.url === "/cookies") {
      context().session.merge({ cluster: "main", system: "7", epoch: 1, timeline: 1, lsn: 5n });
      response.writeHead(200, { "Set-Cookie": ["a=1", "b=2"] }).end("{}");
      return;
    }
    // Events, not `for await`: they come from the connection, and must still belong to the request.
    const got = JSON.parse(await bodyByEvents(request)) as unknown;
    response.end(JSON.stringify({ got, ...said() }));
  },
};

function bodyByEvents(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const ids = new Set<string>();
    request.on("data", (chunk) => {
      ids.add(context().requestId);
      text += String(chunk);
    });
    request.on("end", () => {
      ids.add(context().requestId);
      if (ids.size === 1) resolve(text);
      else reject(new Error(`one body, several contexts: ${[...ids]}`));
    });
  });
}

const each = test.each(Object.entries(apps));

each("%s: a body that comes later is handled in its own request's context", async (_name, app) => {
  await using hosted = await hostApp(app());
  using connection = raw(hosted.port);
  // Two requests on one connection: a context that stuck to the connection would show in the second.
  for (const [i, id] of ["first-request", "second-request"].entries()) {
    connection.socket.write(
      `POST /echo HTTP/1.1\r\nHost: x\r\nX-Request-Id: ${id}\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 7\r\n\r\n`,
    );
    await connection.until(new RegExp(`(HTTP/1.1 100 Continue[\\s\\S]*){${i + 1}}`));
    connection.socket.write('{"a":1}');
    const text = await connection.until(new RegExp(`"got":{"a":1},"id":"${id}","datacenter":"dc1"`));
    expect(text.toLowerCase()).toContain(`x-request-id: ${id}`);
    expect(text.split("set-cookie: ninefold_session=")).toHaveLength(i + 2);
  }
});

each("%s: an error tells the client nothing of the inside, and the log everything", async (_name, app) => {
  await using hosted = await hostApp(app());
  const answer = await fetch(`${hosted.url}/boom`, { headers: { "x-request-id": "find-me" } });
  expect(answer.status).toBe(500);
  expect(await answer.json()).toMatchObject({ code: "internal-error" });
  const line = hosted.logged.find(({ msg }) => msg === "request failed");
  expect(line).toMatchObject({ requestId: "find-me", err: { message: "secret inside" } });
});

each("%s: a busy database is 503 with Retry-After, an unknown outcome is told apart", async (_name, app) => {
  await using hosted = await hostApp(app());
  const busy = await fetch(`${hosted.url}/busy`);
  expect([busy.status, busy.headers.get("retry-after")]).toEqual([503, "1"]);
  expect(await busy.json()).toMatchObject({ code: "database-busy" });
  const unknown = await fetch(`${hosted.url}/unknown`);
  expect([unknown.status, unknown.headers.get("ninefold-outcome")]).toEqual([503, "unknown"]);
  expect(await unknown.json()).toMatchObject({ code: "outcome-unknown" });
});

each("%s: the session's cookie stands beside the app's own cookies", async (_name, app) => {
  await using hosted = await hostApp(app());
  const answer = await fetch(`${hosted.url}/cookies`);
  const cookies = answer.headers.getSetCookie();
  expect(cookies.slice(0, 2)).toEqual(["a=1", "b=2"]);
  expect(cookies[2]).toMatch(/^ninefold_session=[\w-]+; Path=\/; HttpOnly; SameSite=Lax$/);
  expect(cookies).toHaveLength(3);
  expect(cookies[2]).toContain(answer.headers.get("ninefold-session"));
});

test("Fastify: an error handler of the app's own stays", async () => {
  const app = fastify();
  app.setErrorHandler((_error, _request, reply) => reply.code(418).send({ mine: true }));
  app.get("/boom", async () => Promise.reject(new Error("no")));
  await using hosted = await hostApp(app);
  const answer = await fetch(`${hosted.url}/boom`);
  expect([answer.status, await answer.json()]).toEqual([418, { mine: true }]);
});

test("Fastify: its own answers to bad requests stay", async () => {
  const app = fastify();
  const schema = { body: { type: "object", required: ["name"], properties: { name: { type: "string" } } } };
  app.post("/users", { schema }, async () => ({}));
  await using hosted = await hostApp(app);
  const answer = await fetch(`${hosted.url}/users`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ code: "FST_ERR_VALIDATION", message: expect.stringContaining("name") });
});

test("Hono: an HTTPException and an onError of the app's own stay", async () => {
  const app = new Hono();
  app.get("/teapot", () => {
    throw new HTTPException(418, { message: "short and stout" });
  });
  await using hosted = await hostApp(app);
  expect((await fetch(`${hosted.url}/teapot`)).status).toBe(418);
  const own = new Hono();
  own.onError((_error, c) => c.text("mine", 400));
  own.get("/boom", () => Promise.reject(new Error("no")));
  await using second = await hostApp(own);
  expect((await fetch(`${second.url}/boom`)).status).toBe(400);
});

test("fetch: bodies stream both ways, and a client that leaves aborts the request", async () => {
  const left = Promise.withResolvers<unknown>();
  const app = new Hono();
  app.post("/upper", (c) => {
    const upper = new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, to) => to.enqueue(Buffer.from(Buffer.from(chunk).toString().toUpperCase())),
    });
    return new Response(c.req.raw.body?.pipeThrough(upper) ?? null);
  });
  app.get("/forever", (c) => {
    c.req.raw.signal.addEventListener("abort", () => left.resolve(c.req.raw.signal.reason));
    return new Response(new ReadableStream({ pull: (to) => to.enqueue(Buffer.alloc(65_536)) }));
  });
  await using hosted = await hostApp(app);
  {
    using connection = raw(
      hosted.port,
      "POST /upper HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n",
    );
    // The first piece comes back before the second is sent: nothing waits for the whole.
    await connection.until(/ONE/);
    connection.socket.write("3\r\ntwo\r\n0\r\n\r\n");
    await connection.until(/TWO/);
  }
  using connection = raw(hosted.port, "GET /forever HTTP/1.1\r\nHost: x\r\n\r\n");
  await connection.until(/200 OK/);
  connection.socket.destroy();
  expect(await left.promise).toMatchObject({ name: "AbortError" });
});

test("listener: a failure after the head was sent ends the connection instead of passing for a whole answer", async () => {
  await using hosted = await hostApp(async (_request, response) => {
    response.writeHead(200, { "content-type": "text/plain" });
    response.write("half");
    throw new Error("too late");
  });
  using connection = raw(hosted.port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await connection.closed;
  expect(connection.received()).not.toMatch(/\r\n0\r\n\r\n$/);
});

test("an upgrade reaches the app", async () => {
  const app = fastify();
  app.server.on("upgrade", (_request, socket) => socket.end("HTTP/1.1 101 Switching Protocols\r\n\r\nhello"));
  await using hosted = await hostApp(app);
  using connection = raw(
    hosted.port,
    "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  );
  await connection.until(/101[\s\S]*hello/);
});

test("something that is no app is refused by name", async () => {
  await expect(hostApp({} as HttpApp)).rejects.toThrow(/http: returned object/);
});
