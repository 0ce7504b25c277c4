import { expect, test } from "vitest";
import { openBench } from "./index.ts";
import { notebookCheck, startNotebook } from "./testing/notebook.ts";

test("saturation and a fixed rate are measured over the same connections", async () => {
  await using notebook = await startNotebook();
  const bench = await openBench({ check: notebookCheck, url: notebook.url, connections: 4, seed: 1 });
  const most = await bench.run({ durationMs: 500, warmupMs: 100 });
  expect(most).toMatchObject({ mode: "saturation", failed: 0, unsent: 0 });
  expect(most.requests).toBeGreaterThan(4);
  expect(most.perSecond).toBe(most.requests * 2);

  const half = await bench.run({ durationMs: 500, rate: 50, kinds: ["read"] });
  expect(half).toMatchObject({ mode: "rate", failed: 0 });
  expect(half.requests).toBeGreaterThan(0);
  expect(half.requests).toBeLessThanOrEqual(26);
  await bench.close();
});

test("latency at a rate counts from the time an operation was due", async () => {
  await using notebook = await startNotebook();
  const bench = await openBench({ check: notebookCheck, url: notebook.url, connections: 1, seed: 1 });
  const { promise, resolve } = Promise.withResolvers<void>();
  notebook.stall = promise;
  const measured = bench.run({ durationMs: 1_500, rate: 100, kinds: ["read"] });
  setTimeout(resolve, 1_000);
  const { p50 } = await measured;
  await bench.close();
  // One connection alone could send but one request into the stall; most of all that were due waited for its end.
  expect(p50).toBeGreaterThan(50);
});

test("what is not answered as expected is a failure", async () => {
  await using notebook = await startNotebook();
  const bench = await openBench({ check: notebookCheck, url: notebook.url, connections: 2, seed: 1 });
  notebook.misbehave = (_method, _path, number) => (number % 3 === 0 ? "cut" : number % 3 === 1 ? "fail" : undefined);
  const { requests, failed } = await bench.run({ durationMs: 400 });
  await bench.close();
  expect(failed / requests).toBeGreaterThan(0.5);
  expect(failed).toBeLessThan(requests);
});
