import { expect, test } from "vitest";
import { sessionCookie, sessionTokens } from "./session-cookies.ts";

test.each([
  ["dc1.app.1@1", "ninefold_session"],
  ["dc1.app.2@1", "ninefold_session_1"],
  ["dc1.app.1@2", "ninefold_session_8"],
  ["dc1.app.8@2", "ninefold_session_15"],
  ["dc1.app.9@3", "ninefold_session"],
])("%s gives tokens in %s", (instance, cookie) => {
  expect(sessionCookie(instance)).toBe(cookie);
});

test.each([
  ["theme=dark", []],
  ["ninefold_session=a", ["a"]],
  ["theme=dark; ninefold_session=a; ninefold_session_3=b ;other_ninefold_session=c", ["a", "b"]],
  ["x=ninefold_session=a", []],
  ["ninefold_session_x=a", []],
  ["ninefold_session=", [""]],
])("of %s the tokens are %j", (cookie, tokens) => {
  expect(sessionTokens(cookie)).toEqual(tokens);
});
