import { expect, test } from "vitest";
import { nextFetchSize } from "./fetch-size.ts";

test.each([
  ["nothing to fetch", { asked: 24, got: 0, lastedMs: 50 }, 24],
  ["fewer than asked", { asked: 96, got: 30, lastedMs: 1 }, 96],
  ["short jobs, growing", { asked: 24, got: 24, lastedMs: 5 }, 48],
  ["short jobs, at the limit", { asked: 400, got: 400, lastedMs: 20 }, 500],
  ["jobs of two seconds", { asked: 500, got: 500, lastedMs: 40_000 }, 24],
  ["jobs of 20 ms", { asked: 300, got: 300, lastedMs: 250 }, 300],
])("%s", (_, last, expected) => {
  expect(nextFetchSize(last, 24, 500)).toBe(expected);
});
