import fc from "fast-check";
import { expect, test } from "vitest";
import { retryDelay } from "./backoff.ts";

test.each([
  [1, 0.999, 1_000, 999],
  [2, 0.999, 1_000, 1_998],
  [5, 0.5, 1_000, 8_000],
  [30, 0.999_999, 1_000, 3_599_997],
  [3, 0, 1_000, 0],
  [1, 0.999, 0, 0],
])("after failure %i with random %f and %i ms at first, the wait is %i ms", (attempt, random, initialMs, expected) => {
  expect(retryDelay(attempt, { initialMs, maxMs: 3_600_000 }, random)).toBe(expected);
});

test("a wait never leaves its bounds, and uses all of them", () => {
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const bounds = fc.tuple(fc.nat(86_400_000), fc.nat(86_400_000)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)]);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), bounds, random, (attempt, [initialMs = 0, maxMs = 0], r) => {
      const delay = retryDelay(attempt, { initialMs, maxMs }, r);
      expect(Number.isInteger(delay)).toBe(true);
      expect(delay).toBeGreaterThanOrEqual(0);
      expect(delay).toBeLessThanOrEqual(Math.min(maxMs, initialMs * 2 ** (attempt - 1)));
      expect(retryDelay(attempt, { initialMs, maxMs }, 0)).toBe(0);
    }),
  );
});
