import { expect, test } from "vitest";
import { type Answer, closedLoop } from "../support/closed-loop.ts";
import { startSystem } from "../support/system.ts";
import { until } from "../support/until.ts";

const CLIENTS = 3_000;

test("under many times its load, what is admitted keeps its latency and the rest is refused at once with Retry-After", async () => {
  await using system = await startSystem();
  const path = "/api/articles?limit=20";
  await closedLoop(system.port, path, { clients: 8, forMs: 2_000 });
  const crowd = await closedLoop(system.port, path, { clients: CLIENTS, forMs: 8_000 });

  const statuses = new Set(crowd.map(({ status }) => status));
  expect([...statuses].sort()).toEqual([200, 503]);
  const refused = crowd.filter(({ status }) => status === 503);
  expect(refused.every(({ retryAfter }) => retryAfter !== undefined)).toBe(true);

  // All of them in one line would each wait for all the others (Little's law: clients / rate), part of it in this process.
  const admitted = crowd.filter(({ status }) => status === 200);
  const perSecond = admitted.length / 8;
  expect(quantile(admitted, 0.5)).toBeLessThan((CLIENTS / perSecond) * 1_000 * 0.75);

  const { instances } = await system.status();
  const app = instances.find(({ role }) => role === "app");
  expect(app?.memoryBytes).toBeLessThan(500_000_000);
  await until(
    "it serves as before",
    async () => {
      const calm = await closedLoop(system.port, path, { clients: 4, forMs: 500 });
      return calm.every(({ status }) => status === 200);
    },
    10_000,
  );
});

function quantile(answers: readonly Answer[], share: number): number {
  const sorted = answers.map(({ ms }) => ms).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * share)] ?? 0;
}
