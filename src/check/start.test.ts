import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { CheckSetupError, defineCheck, type Report, type StartOptions, startCheck } from "./index.ts";
import { type Fault, type Notebook, notebookCheck, startNotebook } from "./testing/notebook.ts";

/** Checks a notebook for a moment. */
async function judge(
  notebook: Notebook,
  options: Partial<StartOptions> = {},
  during: () => Promise<unknown> = () => pause(700),
): Promise<Report> {
  const fast = { users: 6, rate: 150, timeoutMs: 5_000, settleMs: 300, seed: 7 };
  const running = await startCheck({ definition: notebookCheck, url: notebook.url, ...fast, ...options });
  await during();
  return running.finish();
}

/** The fault for one request in ten that writes a note. */
function sometimes(fault: Fault): Notebook["misbehave"] {
  let notes = 0;
  return (method, path) => (method === "POST" && path === "/notes" && ++notes % 10 === 0 ? fault : undefined);
}

const NONE = { lost: 0, duplicated: 0, stale: 0, aborted: 0, garbage: 0, reordered: 0, miscounted: 0 };

test("a sound service keeps every promise, and every request is accounted for", async () => {
  await using notebook = await startNotebook();
  const report = await judge(notebook);
  expect(report).toMatchObject({ ...NONE, verdict: "kept", failed: 0, unknown: 0, unsent: 0, undecided: 0, why: [] });
  expect(report.requests).toBeGreaterThan(50);
  expect(report.ok).toBe(report.requests);
  expect(report.audited).toBeGreaterThan(5);
  expect(report.p50).toBeGreaterThan(0);
  expect(report.longestPause("read")).toBeGreaterThan(0);
  expect(notebook.seen.cookies).toBeGreaterThan(10);
  expect(notebook.seen.plain).toBeGreaterThan(10);
});

test.each<[Fault, Partial<Report>]>([
  ["fail", { ...NONE, unknown: 0, verdict: "broken" }],
  ["hang", { ...NONE, failed: 0, verdict: "broken" }],
  ["cut", { ...NONE, failed: 0, verdict: "broken" }],
  ["outcome unknown", { ...NONE, failed: 0, verdict: "broken" }],
])("%s: not ok, and no other promise is broken", async (fault, expected) => {
  await using notebook = await startNotebook();
  notebook.misbehave = sometimes(fault);
  const report = await judge(notebook, { timeoutMs: fault === "hang" ? 500 : 5_000 });
  expect(report).toMatchObject(expected);
  expect(report.failed + report.unknown).toBeGreaterThan(0);
  expect(report.requests).toBe(report.ok + report.failed + report.unknown);
  expect(report.reasons[0]?.count).toBeGreaterThan(0);
});

test.each<[Fault, keyof typeof NONE]>([
  ["lose", "lost"],
  ["twice", "duplicated"],
  ["undelivered", "lost"],
  ["fail after", "aborted"],
])("%s breaks the promise: %s", async (fault, promise) => {
  await using notebook = await startNotebook();
  notebook.misbehave = sometimes(fault);
  const report = await judge(notebook, { allowFailures: true });
  expect(report[promise]).toBeGreaterThan(0);
  expect(report.verdict).toBe("broken");
  expect(report.histories[0]?.operations.length).toBeLessThanOrEqual(10);
});

test("a read that forgets a session's own write is stale", async () => {
  await using notebook = await startNotebook();
  notebook.misbehave = (method, path, number) =>
    method === "GET" && path === "/notes" && number < 100 ? "forget" : undefined;
  const report = await judge(notebook, { users: 1 });
  expect(report.stale).toBeGreaterThan(0);
  expect(report.lost).toBe(0);
});

test("an answer that cannot be read is a failure, and its write perhaps made", async () => {
  await using notebook = await startNotebook();
  notebook.misbehave = (method, path, number) =>
    path === "/notes" && number % 20 === 0 && method === "GET" ? "nonsense" : undefined;
  const report = await judge(notebook);
  expect(report).toMatchObject({ ...NONE, verdict: "broken" });
  expect(report.failed).toBeGreaterThan(0);
});

test("a pause of the whole service counts from the time that operations were due", async () => {
  await using notebook = await startNotebook();
  const report = await judge(notebook, { users: 2 }, async () => {
    await pause(200);
    notebook.stall = pause(400);
    await notebook.stall;
    notebook.stall = undefined;
    await pause(300);
  });
  expect(report).toMatchObject({ verdict: "kept", failed: 0 });
  expect(report.longestPause("read")).toBeGreaterThan(350);
  // Two users alone could send but two requests into the pause; all that were due in it count.
  expect(report.kinds.read.p99).toBeGreaterThan(300);
});

test("a service that is gone at the end is undecided, never kept", async () => {
  await using notebook = await startNotebook();
  const running = await startCheck({
    definition: notebookCheck,
    url: notebook.url,
    users: 4,
    rate: 200,
    settleMs: 300,
    allowFailures: true,
  });
  await pause(200);
  await notebook.close();
  const report = await running.finish({ after: 100 });
  expect(report.undecided).toBeGreaterThan(0);
  expect(report.verdict).toBe("undecided");
  expect(report.failed).toBeGreaterThan(0);
  expect(report.lost).toBe(0);
});

test("users who cannot sign up end the check before it begins", async () => {
  await using notebook = await startNotebook();
  const enter = () => Promise.reject(new Error("the door is shut"));
  const definition = defineCheck({ ...notebookCheck.definition, users: { enter } });
  await expect(startCheck({ definition, url: notebook.url })).rejects.toThrow(CheckSetupError);
  await expect(startCheck({ definition, url: notebook.url })).rejects.toThrow("the door is shut");
});
