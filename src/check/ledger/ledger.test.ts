import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ANOMALIES, type Anomaly, simulate } from "../testing/simulation.ts";
import { type BrokenPromise, PROMISES } from "./violation.ts";

const EXPECTED: Record<Anomaly, readonly BrokenPromise[]> = {
  "stale read": ["stale"],
  "non-monotonic read": ["stale"],
  "lost write": ["lost"],
  "duplicated append": ["duplicated"],
  "aborted read": ["aborted"],
  garbage: ["garbage"],
  "reordered writes": ["reordered"],
  "undone removal": ["lost"],
  "lost effect": ["lost"],
  "duplicated effect": ["duplicated"],
  "effect of a failed operation": ["aborted"],
  "register going back": ["stale"],
  "stale register": ["stale"],
  "lost membership": ["lost"],
  "counter mismatch": ["miscounted"],
};

describe("each anomaly is found, whatever else happens", () => {
  test.each(ANOMALIES)("%s", (anomaly) => {
    for (let seed = 0; seed < 300; seed++) {
      const { violations } = simulate({ seed, sessions: 4, operations: 60, anomaly });
      for (const promise of EXPECTED[anomaly]) expect(violations.counts[promise], `seed ${seed}`).toBeGreaterThan(0);
      const [shortest] = violations.list();
      expect(shortest?.ops.length).toBeLessThanOrEqual(10);
      expect(shortest?.ops.length).toBeGreaterThan(0);
    }
  });
});

test("10,000 valid histories with concurrency, lagging replicas and unknown outcomes raise no alarm", () => {
  const sizes = fc.record({
    seed: fc.nat(),
    sessions: fc.integer({ min: 1, max: 6 }),
    operations: fc.integer({ min: 1, max: 120 }),
  });
  fc.assert(
    fc.property(sizes, (options) => {
      const { violations } = simulate(options);
      const said = violations.list().map(({ promise, at, says }) => `${promise} ${at}: ${says}`);
      expect(said).toEqual([]);
      for (const promise of PROMISES) expect(violations.counts[promise]).toBe(0);
    }),
    { numRuns: 10_000 },
  );
}, 120_000);
