import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Demand } from "./demand.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("as many are needed as were busy at a moment of the last minute, and two more, but never more than there may be", () => {
  let busy = 0;
  const demand = new Demand(10, () => busy);
  expect(demand.needed).toBe(2);
  busy = 5;
  vi.advanceTimersByTime(1_000);
  busy = 1;
  expect(demand.needed).toBe(7);
  vi.advanceTimersByTime(59_000);
  expect(demand.needed).toBe(7);
  vi.advanceTimersByTime(1_000);
  expect(demand.needed).toBe(3);
  busy = 10;
  vi.advanceTimersByTime(1_000);
  expect(demand.needed).toBe(10);
  demand.close();
  expect(vi.getTimerCount()).toBe(0);
});
