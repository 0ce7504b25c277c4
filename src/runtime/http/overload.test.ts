import { expect, test } from "vitest";
import { FLOOR, nextLimit } from "./overload.ts";

const calm = { lagMs: 1, queueMs: 0, peak: 150, elapsedMs: 21 };
const late = { ...calm, lagMs: 80, elapsedMs: 100 };

test.each([
  ["a calm process goes up to its limit", { limit: 100, standingMs: 0 }, calm, { limit: 110, standingMs: 0 }],
  ["and not beyond", { limit: 195, standingMs: 900 }, calm, { limit: 200, standingMs: 0 }],
  ["a queue that has just begun may be a burst", { limit: 200, standingMs: 0 }, late, { limit: 200, standingMs: 100 }],
  [
    "one that stands: down from what was in flight",
    { limit: 200, standingMs: 200 },
    late,
    { limit: 120, standingMs: 300 },
  ],
  [
    "a queue for the database counts the same",
    { limit: 150, standingMs: 300 },
    { ...calm, queueMs: 120, elapsedMs: 20 },
    { limit: 120, standingMs: 320 },
  ],
  ["never below the floor", { limit: 70, standingMs: 900 }, { ...late, peak: 2 }, { limit: FLOOR, standingMs: 1_000 }],
])("%s", (_name, state, signals, next) => {
  expect(nextLimit(state, 200, signals)).toEqual(next);
});

test("a configured limit below the floor is kept", () => {
  expect(nextLimit({ limit: 4, standingMs: 900 }, 4, late)).toEqual({ limit: 4, standingMs: 1_000 });
});
