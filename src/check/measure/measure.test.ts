import fc from "fast-check";
import { expect, test } from "vitest";
import { createHistogram } from "./histogram.ts";
import { createPauses } from "./pauses.ts";
import { createTally } from "./tally.ts";

test("a histogram's quantiles are right within 1.6 %", () => {
  const latencies = fc.array(fc.integer({ min: 0, max: 100_000_000 }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(latencies, fc.double({ min: 0.001, max: 1, noNaN: true }), (micros, share) => {
      const histogram = createHistogram();
      for (const us of micros) histogram.add(us / 1000);
      const exact = ([...micros].sort((a, b) => a - b)[Math.ceil(micros.length * share) - 1] ?? 0) / 1000;
      expect(histogram.quantile(share)).toBeGreaterThanOrEqual(exact - 1e-9);
      expect(histogram.quantile(share)).toBeLessThanOrEqual(exact * 1.016 + 0.001);
    }),
  );
});

test("a pause lasts from the first operation that was due to the next success, failures in between included", () => {
  const pauses = createPauses();
  pauses.due(100);
  pauses.ended(110, true);
  expect(pauses.longest(500)).toBe(10);
  pauses.due(500);
  pauses.ended(505, false);
  pauses.due(700);
  expect(pauses.longest(800)).toBe(300);
  pauses.ended(900, true);
  expect(pauses.longest(5_000)).toBe(400);
});

test("an operation still waiting keeps the pause running from the last success", () => {
  const pauses = createPauses();
  pauses.due(0);
  pauses.due(0);
  pauses.ended(50, true);
  expect(pauses.longest(400)).toBe(350);
  pauses.ended(410, true);
  expect(pauses.longest(1_000)).toBe(360);
});

test("latency counts from the intended time, of successes only, by kind", () => {
  const tally = createTally();
  tally.due("read", 0);
  tally.due("write", 0);
  tally.due("write", 0);
  tally.ended("read", "ok", 0, 10);
  tally.ended("write", "failed", 0, 500);
  tally.ended("write", "ok", 0, 20);
  const { read, write } = tally.figures(20);
  expect(read).toMatchObject({ requests: 1, ok: 1, p50: 10, max: 10 });
  expect(write).toMatchObject({ requests: 2, ok: 1, failed: 1, unknown: 0, max: 20 });
});
