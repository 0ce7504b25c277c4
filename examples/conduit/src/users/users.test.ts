import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startConduit, type TestConduit } from "../../testing.ts";
import { createTokens } from "../token.ts";

let conduit: TestConduit;
beforeAll(async () => {
  conduit = await startConduit();
});
afterAll(() => conduit[Symbol.asyncDispose]());

const BLANK = ["can't be blank"];
const TAKEN = ["has already been taken"];

describe("registering", () => {
  test("gives the new user with a token that works", async () => {
    const user = { username: "jake", email: "jake@example.com", password: "jakejake" };
    const { status, body } = await conduit.call("POST", "/users", { body: { user } });
    expect(status).toBe(201);
    expect(body).toEqual({
      user: { username: "jake", email: "jake@example.com", bio: null, image: null, token: expect.any(String) },
    });
    const me = await conduit.call("GET", "/user", { token: body.user.token });
    expect(me).toMatchObject({ status: 200, body: { user: { username: "jake", email: "jake@example.com" } } });
  });

  test.each([
    ["username", { username: "", email: "a@example.com", password: "p" }],
    ["email", { username: "a", email: null, password: "p" }],
    ["password", { username: "a", email: "a@example.com" }],
    ["username", { username: "   ", email: "a@example.com", password: "p" }],
  ])("refuses a blank %s", async (field, user) => {
    const answer = await conduit.call("POST", "/users", { body: { user } });
    expect(answer).toMatchObject({ status: 422, body: { errors: { [field]: BLANK } } });
  });

  test("names all that is missing", async () => {
    for (const body of [{}, { user: {} }, { user: null }, { user: "jake" }, []]) {
      const answer = await conduit.call("POST", "/users", { body });
      expect(answer.status).toBe(422);
      expect(answer.body).toEqual({ errors: { username: BLANK, email: BLANK, password: BLANK } });
    }
  });

  test("refuses what is no text, too long, or not storable", async () => {
    const messages: Record<string, unknown> = {
      "must be a text": 5,
      "is too long (maximum is 64 characters)": "x".repeat(65),
      "holds an invalid character": "a\0b",
    };
    for (const [message, username] of Object.entries(messages)) {
      const user = { username, email: "b@example.com", password: "p" };
      const answer = await conduit.call("POST", "/users", { body: { user } });
      expect(answer).toMatchObject({ status: 422, body: { errors: { username: [message] } } });
    }
    const user = { username: "half \ud800", email: "b@example.com", password: "p" };
    expect((await conduit.call("POST", "/users", { body: { user } })).status).toBe(422);
  });

  test("says which of the names are taken", async () => {
    await conduit.register("first");
    const attempt = (username: string, email: string) =>
      conduit.call("POST", "/users", { body: { user: { username, email, password: "p" } } });
    expect(await attempt("first", "other@example.com")).toMatchObject({
      status: 409,
      body: { errors: { username: TAKEN } },
    });
    expect(await attempt("other", "first@example.com")).toMatchObject({
      status: 409,
      body: { errors: { email: TAKEN } },
    });
    expect((await attempt("first", "first@example.com")).body).toEqual({ errors: { username: TAKEN, email: TAKEN } });
  });

  test("of one name at the same moment succeeds once", async () => {
    const attempts = Array.from({ length: 8 }, (_, n) =>
      conduit.call("POST", "/users", {
        body: { user: { username: "race", email: `r${n}@example.com`, password: "p" } },
      }),
    );
    const answers = (await Promise.all(attempts)).map((answer) => answer.status).sort();
    expect(answers).toEqual([201, 409, 409, 409, 409, 409, 409, 409]);
  });
});

describe("signing in", () => {
  const signIn = (email: unknown, password: unknown) =>
    conduit.call("POST", "/users/login", { body: { user: { email, password } } });

  test("gives the user", async () => {
    await conduit.register("anna");
    const answer = await signIn("anna@example.com", "password");
    expect(answer).toMatchObject({ status: 200, body: { user: { username: "anna", token: expect.any(String) } } });
  });

  test("knows accounts and passwords of a moment ago, whoever made them", async () => {
    const signInAs = (password: string) => {
      const user = { email: "sofia@example.com", password };
      return conduit.call("POST", "/users/login", { body: { user }, stranger: true });
    };
    const token = await conduit.register("sofia");
    expect((await signInAs("password")).status).toBe(200);
    await conduit.call("PUT", "/user", { token, body: { user: { password: "another" } } });
    expect((await signInAs("password")).status).toBe(401);
    expect((await signInAs("another")).status).toBe(200);
  });

  test("fails alike for a wrong password and an unknown address", async () => {
    await conduit.register("berta");
    const wrong = { status: 401, body: { errors: { credentials: ["invalid"] } } };
    expect(await signIn("berta@example.com", "guess")).toMatchObject(wrong);
    expect(await signIn("nobody@example.com", "password")).toMatchObject(wrong);
  });

  test("refuses blanks", async () => {
    expect(await signIn("", "x")).toMatchObject({ status: 422, body: { errors: { email: BLANK } } });
    expect(await signIn("x@example.com", "")).toMatchObject({ status: 422, body: { errors: { password: BLANK } } });
    const answer = await conduit.call("POST", "/users/login", { body: {} });
    expect(answer).toMatchObject({ status: 422, body: { errors: { email: BLANK, password: BLANK } } });
  });
});

describe("the current user", () => {
  test("changes only what was given", async () => {
    const token = await conduit.register("carl");
    const change = (user: object) => conduit.call("PUT", "/user", { token, body: { user } });
    expect(await change({ bio: "I paint", image: "https://example.com/c.png" })).toMatchObject({
      status: 200,
      body: { user: { username: "carl", bio: "I paint", image: "https://example.com/c.png" } },
    });
    expect((await change({ email: "carl2@example.com" })).body.user).toMatchObject({ bio: "I paint" });
    expect((await change({ bio: "" })).body.user).toMatchObject({ bio: null, image: "https://example.com/c.png" });
    expect((await change({ image: null })).body.user.image).toBeNull();
    expect((await change({ username: "carlo", password: "new" })).body.user).toMatchObject({ username: "carlo" });
    const again = { email: "carl2@example.com", password: "new" };
    expect((await conduit.call("POST", "/users/login", { body: { user: again } })).status).toBe(200);
  });

  test.each(["username", "email", "password"])("refuses an empty or null %s", async (field) => {
    const token = await conduit.register(`empty-${field}`);
    for (const value of ["", null]) {
      const answer = await conduit.call("PUT", "/user", { token, body: { user: { [field]: value } } });
      expect(answer).toMatchObject({ status: 422, body: { errors: { [field]: BLANK } } });
    }
  });

  test("refuses to change nothing, and to take another's name", async () => {
    const token = await conduit.register("dora");
    expect((await conduit.call("PUT", "/user", { token, body: { user: {} } })).status).toBe(422);
    const answer = await conduit.call("PUT", "/user", { token, body: { user: { username: "jake" } } });
    expect(answer).toMatchObject({ status: 409, body: { errors: { username: TAKEN } } });
    expect((await conduit.call("PUT", "/user", { token, body: { user: { username: "dora" } } })).status).toBe(200);
  });
});

describe("the token", () => {
  const secret = () => conduit.secret("jwt");
  const withHeader = (authorization: string) => conduit.call("GET", "/user", { headers: { authorization } });

  test("may be announced as Token or Bearer", async () => {
    const token = await conduit.register("emil");
    for (const scheme of ["Token", "Bearer", "token"])
      expect((await withHeader(`${scheme} ${token}`)).status).toBe(200);
  });

  test("that is forged, expired, of no user or no token at all is refused", async () => {
    const user = { id: 1 };
    const old = createTokens(secret(), () => Date.now() - 61 * 86_400_000).issue(user.id);
    const forged = createTokens("another secret").issue(user.id);
    const unknown = createTokens(secret()).issue(2_000_000_000);
    const none = `${Buffer.from('{"alg":"none","typ":"JWT"}').toString("base64url")}.eyJzdWIiOiIxIn0.`;
    for (const token of [old, forged, unknown, none, "nonsense", "a.b.c", `${forged}.x`]) {
      expect(await withHeader(`Token ${token}`)).toMatchObject({
        status: 401,
        body: { errors: { token: ["is invalid"] } },
      });
    }
    for (const header of ["Basic abc", "Token", "Token a b"]) expect((await withHeader(header)).status).toBe(401);
  });

  test("of a user who is gone is refused where the user would write", async () => {
    const token = createTokens(secret()).issue(2_000_000_000);
    const article = { title: "t", description: "d", body: "b" };
    expect((await conduit.call("POST", "/articles", { token, body: { article } })).status).toBe(401);
    expect((await conduit.call("PUT", "/user", { token, body: { user: { bio: "x" } } })).status).toBe(401);
    expect((await conduit.call("POST", "/profiles/jake/follow", { token })).status).toBe(401);
  });

  test.each([
    ["GET", "/user"],
    ["PUT", "/user"],
    ["POST", "/profiles/nobody/follow"],
    ["DELETE", "/profiles/nobody/follow"],
    ["GET", "/articles/feed?limit=x"],
    ["POST", "/articles"],
    ["PUT", "/articles/nothing"],
    ["DELETE", "/articles/nothing"],
    ["POST", "/articles/nothing/comments"],
    ["DELETE", "/articles/nothing/comments/x"],
    ["POST", "/articles/nothing/favorite"],
    ["DELETE", "/articles/nothing/favorite"],
    ["POST", "/user/image"],
    ["PUT", "/user/image"],
    ["GET", "/notifications"],
    ["POST", "/notifications/read"],
    ["POST", "/notifications/1/read"],
  ] as const)("is asked for before anything else of %s %s is looked at", async (method, path) => {
    const headers = { "content-type": "application/json" };
    const answer = await conduit.call(method, path, { body: method === "GET" ? undefined : "{ not json", headers });
    expect(answer).toMatchObject({ status: 401, body: { errors: { token: ["is missing"] } } });
  });

  test.each(["/profiles/jake", "/articles", "/articles/nothing/comments"])(
    "that is bad is refused by GET %s",
    async (path) => {
      expect((await conduit.call("GET", path, { token: "bad" })).status).toBe(401);
    },
  );

  test("that is bad does not keep anybody from an article or the tags", async () => {
    const slug = await conduit.publish(await conduit.register("frida"));
    expect((await conduit.call("GET", `/articles/${slug}`, { token: "bad" })).status).toBe(200);
    expect((await conduit.call("GET", "/tags", { token: "bad" })).status).toBe(200);
  });
});
