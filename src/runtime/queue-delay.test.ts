import { expect, test } from "vitest";
import { queueDelay } from "./queue-delay.ts";

test("the delay is what waits divided by what gets done", () => {
  let stats = { waiting: 0, statements: 100 };
  let time = 0;
  const delay = queueDelay(
    () => stats,
    () => time,
  );
  const after = (ms: number, next: typeof stats) => {
    time += ms;
    stats = next;
    return delay();
  };
  expect(after(20, { waiting: 0, statements: 150 })).toBe(0);
  // 20 statements in 20 ms are one a millisecond: the last of 300 waits 300 ms.
  expect(after(20, { waiting: 300, statements: 170 })).toBe(300);
  // Nothing is answered: the database is away, which is no overload.
  expect(after(20, { waiting: 900, statements: 170 })).toBe(0);
});
