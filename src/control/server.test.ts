import { request } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Change, PlanView } from "./event.ts";
import { PlanUnderWay } from "./problem.ts";
import { type ControlService, controlServer } from "./server.ts";

const TOKEN = "0".repeat(64);
const asked: Change[] = [];
const plan: PlanView = { id: 7, kind: "up", says: "", state: "running", steps: [], expectedMs: 0 };

const notAsked = () => {
  throw new Error("nobody asks for backups here");
};
const backups: ControlService["backups"] = {
  list: notAsked,
  begin: notAsked,
  verify: notAsked,
  restore: notAsked,
  use: notAsked,
  back: notAsked,
  drop: notAsked,
  off: notAsked,
  status: notAsked,
  resume: notAsked,
  refusePlans: notAsked,
  work: notAsked,
};

const service: ControlService = {
  backups,
  status: async () => ({ folder: "/", state: "down", instances: [], problems: [] }),
  plan: async () => plan,
  begin: async (change) => {
    if (change.kind === "undo") throw new PlanUnderWay(3, false);
    asked.push(change);
    return plan;
  },
  planById: (id) => (id === 7 ? plan : undefined),
  switchover: async ({ to = "dc1.db.2" }) => ({ from: "dc1.db.1", to, tookMs: 1 }),
  topologies: () => [],
  follow: async (_, after, send) => {
    for (let seq = after + 1; seq <= 3; seq++) send({ kind: "finished", seq, plan: 7, tookMs: 1 });
  },
};

const server = controlServer(service, TOKEN);
let port = 0;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => server.close());

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** Sends just what it is told to; `fetch` would set Host and Origin itself. */
function send({
  method = "GET",
  path = "/v1/status",
  headers = {},
  body,
}: Sent): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, method, path, headers, agent: false }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const good = { authorization: `Bearer ${TOKEN}` };
const json = { ...good, "content-type": "application/json" };

describe("the control interface", () => {
  test("answers whoever has the token", async () => {
    expect(await send({ headers: good })).toMatchObject({ status: 200 });
    expect(await send({ headers: { ...good, origin: `http://127.0.0.1:${port}` } })).toMatchObject({ status: 200 });
  });

  test.each<[string, Sent, number]>([
    ["no token", {}, 401],
    ["a wrong token", { headers: { authorization: `Bearer ${"1".repeat(64)}` } }, 401],
    ["a token of another length", { headers: { authorization: "Bearer 0" } }, 401],
    ["another origin, even with the token", { headers: { ...good, origin: "http://evil.example" } }, 403],
    ["an opaque origin", { headers: { ...good, origin: "null" } }, 403],
    ["another host (DNS rebinding)", { headers: { ...good, host: "evil.example" } }, 403],
    ["an unknown path", { path: "/v1/nothing", headers: good }, 404],
    ["a path of Object's", { path: "/constructor", headers: good }, 404],
    ["another method", { method: "DELETE", headers: good }, 405],
    ["an unknown plan", { path: "/v1/plans/8", headers: good }, 404],
    ["events of an unknown plan", { path: "/v1/events?plan=8", headers: good }, 404],
    ["events from a malformed place", { path: "/v1/events?plan=7&after=x", headers: good }, 400],
    ["a body of another type", { method: "POST", path: "/v1/apply", headers: good, body: "{}" }, 415],
    ["a body that is not JSON", { method: "POST", path: "/v1/apply", headers: json, body: "{" }, 400],
    ["a body that is no change", { method: "POST", path: "/v1/apply", headers: json, body: '{"kind":"explode"}' }, 400],
    ["a body that is null", { method: "POST", path: "/v1/deploy", headers: json, body: "null" }, 400],
    ["an unknown key", { method: "POST", path: "/v1/scale", headers: json, body: '{"apps":2}' }, 400],
    ["a number out of range", { method: "POST", path: "/v1/scale", headers: json, body: '{"app":0}' }, 400],
    ["a body that is too long", { method: "POST", path: "/v1/apply", headers: json, body: " ".repeat(2_000_000) }, 413],
    ["a second plan", { method: "POST", path: "/v1/undo", headers: json, body: "{}" }, 409],
  ])("refuses %s, and says what and what to do", async (_, sent, status) => {
    const before = asked.length;
    const answer = await send(sent);
    expect(answer.status, answer.text).toBe(status);
    expect(JSON.parse(answer.text)).toMatchObject({
      code: expect.any(String),
      at: expect.any(String),
      fix: expect.any(String),
    });
    expect(asked.length).toBe(before);
  });

  test("begins what was asked for", async () => {
    expect(await send({ method: "POST", path: "/v1/scale", headers: json, body: '{"app":2}' })).toMatchObject({
      status: 200,
    });
    expect(asked.at(-1)).toEqual({ kind: "scale", app: 2 });
  });

  test("the path decides the kind of change, not the body", async () => {
    await send({ method: "POST", path: "/v1/down", headers: json, body: '{"kind":"deploy"}' });
    expect(asked.at(-1)).toEqual({ kind: "down" });
  });

  test("streams events after the last one seen", async () => {
    const { text } = await send({ path: "/v1/events?plan=7&after=1", headers: good });
    expect(text.match(/"seq":(\d)/g)).toEqual(['"seq":2', '"seq":3']);
  });
});
