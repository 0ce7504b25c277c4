import { expect, test } from "vitest";
import { restartDelay } from "./backoff.ts";

test("the first restart is immediate, later ones wait longer, none longer than 5 s", () => {
  expect([1, 2, 3, 4, 8, 9, 1000].map(restartDelay)).toEqual([0, 100, 200, 400, 5_000, 5_000, 5_000]);
});
