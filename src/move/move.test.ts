import { setTimeout as delay } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { COPY_STEPS, CUT_OVER_STEPS } from "./steps.ts";
import { asRole, audit, context, rows, testMove, Writers } from "./testing.ts";

// Copies of whole databases between two servers, on a machine that others may be using.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

test("a database moves under writers: nothing lost, nothing twice, and the source keeps up afterwards", async () => {
  await using system = await testMove({ rows: 5_000 });
  const { source, target, move } = system;
  const writers = new Writers(source);
  for (const step of COPY_STEPS) await step.run(move, context());
  await delay(500);
  for (const step of CUT_OVER_STEPS) {
    await step.run(move, context());
    if (step.name === "open") writers.point(target);
  }
  await delay(500);
  await writers.stop();
  expect(writers.failures).toEqual([]);
  expect(writers.acknowledged.length).toBeGreaterThan(100);
  expect(await audit(target, writers.acknowledged)).toEqual({ lost: 0, duplicated: 0 });

  // The source refuses everything, and follows.
  await asRole(source, source.service, async (client) => {
    await expect(client.query("select * from accounts")).rejects.toMatchObject({ code: "42501" });
    await expect(client.query("select nextval('tickets')")).rejects.toMatchObject({ code: "42501" });
    expect((await client.query("select phase from ninefold.fence")).rows).toEqual([{ phase: "all" }]);
  });
  await expect.poll(() => audit(source, writers.acknowledged), { timeout: 10_000 }).toEqual({ lost: 0, duplicated: 0 });
  expect(await rows(target, "select count(*)::int as n from no_key")).toEqual([{ n: 20 }]);
});
