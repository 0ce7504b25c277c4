import { expect, test } from "vitest";
import { context } from "../context.ts";
import type { Listener } from "../service.ts";
import { currentSession, sessionCodec } from "../session/index.ts";
import { hostApp, testCodec } from "./testing.ts";

/** `/write/<n>` moves the session to position n; everything says what the session knows. */
const app: Listener = async (request, response) => {
  const lsn = /^\/write\/(\d+)$/.exec(request.url ?? "")?.[1];
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
  if (lsn !== undefined)
    currentSession()?.merge({ cluster: "main", system: "7", epoch: 1, timeline: 1, lsn: BigInt(lsn) });
  await new Promise((resolve) => setImmediate(resolve));
  const session = currentSession();
  const at = session?.positions.get("main")?.lsn ?? 0n;
  const { requestId } = context();
  const same = context().session === session;
  response.end(JSON.stringify({ at: String(at), requestId, same, incomplete: session?.isIncomplete("main") }));
};

const cookieOf = (answer: Response) => answer.headers.getSetCookie()[0]?.split(";")[0];

test("a session travels in the cookie, or in the header, and only when it grew", async () => {
  await using hosted = await hostApp(app);
  const first = await fetch(`${hosted.url}/read`);
  expect([first.headers.getSetCookie(), first.headers.get("ninefold-session")]).toEqual([[], null]);

  const wrote = await fetch(`${hosted.url}/write/7`);
  const cookie = cookieOf(wrote);
  const token = wrote.headers.get("ninefold-session");
  expect(cookie).toBe(`ninefold_session=${token}`);

  const viaCookie = await fetch(`${hosted.url}/read`, { headers: { cookie: `theme=dark; ${cookie}` } });
  expect(await viaCookie.json()).toMatchObject({ at: "7", same: true });
  expect(viaCookie.headers.getSetCookie()).toEqual([]);
  const viaHeader = await fetch(`${hosted.url}/read`, { headers: { "ninefold-session": String(token) } });
  expect(await viaHeader.json()).toMatchObject({ at: "7" });
  expect(viaHeader.headers.get("ninefold-session")).toBeNull();

  const older = await fetch(`${hosted.url}/write/3`, { headers: { cookie: String(cookie) } });
  expect(await older.json()).toMatchObject({ at: "7" });
  expect(older.headers.getSetCookie()).toEqual([]);
});

test("of two answers at the same time, from two instances, neither takes the place of what the other one knew", async () => {
  await using one = await hostApp(app);
  await using two = await hostApp(app, { instance: "dc1.app.2@1" });
  const answers = [await fetch(`${one.url}/write/9`), await fetch(`${two.url}/write/3`)];
  const cookies = answers.map(cookieOf);
  expect(cookies[1]).toMatch(/^ninefold_session_1=/);
  const tokens = answers.map(({ headers }) => headers.get("ninefold-session"));
  for (const sent of [{ cookie: cookies.join("; ") }, { "ninefold-session": tokens.join(", ") }]) {
    const read = await fetch(`${two.url}/read`, { headers: sent as Record<string, string> });
    expect(await read.json()).toMatchObject({ at: "9", incomplete: false });
    expect(read.headers.getSetCookie()).toEqual([]);
  }
  const flood = Array.from({ length: 40 }, () => cookies[0]).join("; ");
  expect(await (await fetch(`${two.url}/read`, { headers: { cookie: flood } })).json()).toMatchObject({
    at: "0",
    incomplete: true,
  });
});

test("behind a balancer with TLS the cookie is Secure, and not because a client says so", async () => {
  const headers = { "x-forwarded-proto": "https" };
  await using balanced = await hostApp(app, { limits: { trustedProxies: ["127.0.0.1"] } });
  const wrote = await fetch(`${balanced.url}/write/7`, { headers });
  expect(wrote.headers.getSetCookie()[0]).toMatch(/; Secure$/);
  await using direct = await hostApp(app);
  const forged = await fetch(`${direct.url}/write/7`, { headers });
  expect(forged.headers.getSetCookie()[0]).toMatch(/; SameSite=Lax$/);
});

test.each([
  [
    "forged",
    () =>
      sessionCodec({ keys: ["other-key".repeat(8)], deployment: "test" }).encode([
        { cluster: "main", system: "7", epoch: 1, timeline: 1, lsn: 9n },
      ]),
  ],
  [
    "of another deployment",
    () =>
      sessionCodec({ keys: ["test-key-".repeat(8)], deployment: "other" }).encode([
        { cluster: "main", system: "7", epoch: 1, timeline: 1, lsn: 9n },
      ]),
  ],
  [
    "from the future",
    () =>
      sessionCodec({ keys: ["test-key-".repeat(8)], deployment: "test", now: () => Date.now() + 3_600_000 }).encode([
        { cluster: "main", system: "7", epoch: 1, timeline: 1, lsn: 9n },
      ]),
  ],
  ["of absurd length", () => "A".repeat(8_000)],
  ["no token", () => '"><script>'],
  ["empty", () => ""],
])(
  "a client with a token that is %s may have seen anything, whether or not it says who it is",
  async (_name, token) => {
    await using hosted = await hostApp(app);
    for (const who of [{}, { authorization: "Token jake" }]) {
      for (const sent of [{ cookie: `ninefold_session=${token()}` }, { "ninefold-session": token() }]) {
        const answer = await fetch(`${hosted.url}/read`, { headers: { ...who, ...sent } as Record<string, string> });
        expect(answer.status).toBe(200);
        expect(await answer.json()).toMatchObject({ at: "0", incomplete: true });
      }
    }
  },
);

test("without a token only a client that says who it is may have seen anything", async () => {
  await using hosted = await hostApp(app);
  const authorized = await fetch(`${hosted.url}/read`, { headers: { authorization: "Token jake" } });
  expect(await authorized.json()).toMatchObject({ incomplete: true });
  const cookies = [undefined, "theme=dark", "other_ninefold_session=x"];
  for (const cookie of cookies) {
    const answer = await fetch(`${hosted.url}/read`, { headers: cookie === undefined ? {} : { cookie } });
    expect(await answer.json()).toMatchObject({ incomplete: false });
  }
});

test("a session that a failover has cut off is told so once, beside the token with which it goes on", async () => {
  const onward = { cluster: "main", system: "7", epoch: 1, timeline: 2, lsn: 9n };
  await using hosted = await hostApp((request, response) => {
    if (request.url === "/cut") currentSession()?.cutOff(onward);
    response.end();
  });
  const cut = await fetch(`${hosted.url}/cut`);
  const token = cut.headers.get("ninefold-session") ?? "";
  expect(cut.headers.get("ninefold-session-reset")).toBe("1");
  expect(cookieOf(cut)).toBe(`ninefold_session=${token}`);
  expect(testCodec.decode(token)).toMatchObject({ positions: [onward] });
  const later = await fetch(`${hosted.url}/`, { headers: { "ninefold-session": token } });
  expect(later.headers.get("ninefold-session-reset")).toBeNull();
});

test("500 requests at once: each has its own id and session, and no user ever gets another's cookie", async () => {
  await using hosted = await hostApp(app);
  await Promise.all(
    Array.from({ length: 500 }, async (_, i) => {
      const user = i + 1;
      const writes = i % 2 === 0;
      const own = testCodec.encode([{ cluster: "main", system: "7", epoch: 1, timeline: 1, lsn: BigInt(user) }]);
      const answer = await fetch(`${hosted.url}${writes ? `/write/${user + 1_000}` : "/read"}`, {
        headers: { cookie: `ninefold_session=${own}`, "x-request-id": `user-${user}` },
      });
      expect(answer.headers.get("x-request-id")).toBe(`user-${user}`);
      expect(await answer.json()).toEqual({
        at: String(writes ? user + 1_000 : user),
        requestId: `user-${user}`,
        same: true,
        incomplete: false,
      });
      const cookie = cookieOf(answer);
      if (!writes) expect(cookie).toBeUndefined();
      else {
        const positions = [{ cluster: "main", system: "7", epoch: 1, timeline: 1, lsn: BigInt(user + 1_000) }];
        expect(testCodec.decode(String(cookie).split("=")[1]!)).toMatchObject({ positions });
      }
    }),
  );
});

test("a constant headers object of the app is never written to", async () => {
  const shared = { "content-type": "text/plain" };
  await using hosted = await hostApp((_request, response) => {
    currentSession()?.merge({ cluster: "main", system: "7", epoch: 1, timeline: 1, lsn: 5n });
    response.writeHead(200, shared).end("ok");
  });
  expect((await fetch(hosted.url)).headers.getSetCookie()).toHaveLength(1);
  expect(shared).toEqual({ "content-type": "text/plain" });
});

test.each([
  ["short-1", "short-1"],
  ["a b", undefined],
  ["x".repeat(129), undefined],
  ["a{evil}", undefined],
])("a request id %j is taken over only when it is safe", async (given, taken) => {
  await using hosted = await hostApp(app);
  const answer = await fetch(hosted.url, { headers: { "x-request-id": given } });
  const id = answer.headers.get("x-request-id");
  if (taken !== undefined) expect(id).toBe(taken);
  else expect(id).toMatch(/^[\w-]{8}-[0-9a-z]+$/);
});
