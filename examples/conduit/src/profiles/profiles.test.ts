import { afterAll, beforeAll, expect, test } from "vitest";
import { startConduit, type TestConduit } from "../../testing.ts";

let conduit: TestConduit;
beforeAll(async () => {
  conduit = await startConduit();
});
afterAll(() => conduit[Symbol.asyncDispose]());

const NOT_FOUND = { status: 404, body: { errors: { profile: ["not found"] } } };

test("a profile is shown to everybody, and whether the viewer follows it", async () => {
  const token = await conduit.register("ann");
  await conduit.register("bob");
  await conduit.call("PUT", "/user", { token, body: { user: { bio: "hello" } } });
  const anonymous = await conduit.call("GET", "/profiles/ann");
  expect(anonymous.status).toBe(200);
  expect(anonymous.body).toEqual({ profile: { username: "ann", bio: "hello", image: null, following: false } });
});

test("following and unfollowing answer with the profile, as often as they are asked for", async () => {
  const token = await conduit.register("cid");
  await conduit.register("dan");
  const following = { status: 200, body: { profile: { username: "dan", following: true } } };
  const strange = { status: 200, body: { profile: { username: "dan", following: false } } };
  for (let time = 1; time <= 2; time += 1) {
    expect(await conduit.call("POST", "/profiles/dan/follow", { token })).toMatchObject(following);
    expect(await conduit.call("GET", "/profiles/dan", { token })).toMatchObject(following);
  }
  expect(await conduit.call("GET", "/profiles/dan")).toMatchObject(strange);
  for (let time = 1; time <= 2; time += 1) {
    expect(await conduit.call("DELETE", "/profiles/dan/follow", { token })).toMatchObject(strange);
    expect(await conduit.call("GET", "/profiles/dan", { token })).toMatchObject(strange);
  }
});

test("a profile that does not exist is not found", async () => {
  const token = await conduit.register("eve");
  for (const name of ["nobody", "%00", "%F0%9F%98%80", "x".repeat(900)]) {
    expect(await conduit.call("GET", `/profiles/${name}`)).toMatchObject(NOT_FOUND);
    expect(await conduit.call("POST", `/profiles/${name}/follow`, { token })).toMatchObject(NOT_FOUND);
    expect(await conduit.call("DELETE", `/profiles/${name}/follow`, { token })).toMatchObject(NOT_FOUND);
  }
});

test("a username may hold what addresses must escape", async () => {
  await conduit.register("Ünal / Söhne?");
  const answer = await conduit.call("GET", `/profiles/${encodeURIComponent("Ünal / Söhne?")}`);
  expect(answer).toMatchObject({ status: 200, body: { profile: { username: "Ünal / Söhne?" } } });
});
