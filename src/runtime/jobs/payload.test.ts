import fc from "fast-check";
import { expect, test } from "vitest";
import { BadPayload } from "./errors.ts";
import { encodePayload } from "./payload.ts";

test("every JSON value is stored as JSON has it", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4, depthSize: "small" }), (value) => {
      expect(encodePayload(value)).toBe(JSON.stringify(value));
    }),
  );
});

const cycle: Record<string, unknown> = {};
cycle.self = { back: cycle };

test.each([
  ["a date", { user: { born: new Date() } }, "payload.user.born"],
  ["NaN", [1, Number.NaN], "payload[1]"],
  ["an undefined element", [undefined], "payload[0]"],
  ["nothing", undefined, "payload"],
  ["a bigint", { a: [{ b: 1n }] }, "payload.a[0].b"],
  ["a function", { "odd key": () => {} }, 'payload["odd key"]'],
  ["a map", { m: new Map() }, "payload.m"],
  ["a symbol", Symbol("x"), "payload"],
  ["a cycle", cycle, "payload.self.back"],
])("%s is refused with its place", (_, payload, at) => {
  expect(() => encodePayload(payload)).toThrow(BadPayload);
  expect(() => encodePayload(payload)).toThrow(expect.objectContaining({ at, code: "bad-job-payload" }));
});

test("a value that appears twice is no cycle, and an undefined property is left out", () => {
  const shared = { n: 1 };
  expect(encodePayload({ a: shared, b: shared, c: undefined })).toBe('{"a":{"n":1},"b":{"n":1}}');
});
