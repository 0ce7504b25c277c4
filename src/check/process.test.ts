import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { runCheckProcess, type Snapshot, startCheckProcess } from "./index.ts";
import { startNotebook } from "./testing/notebook.ts";

const file = fileURLToPath(new URL("./testing/notebook.check.ts", import.meta.url));

test("a check in a process of its own reports while it runs and gives its verdict", async () => {
  await using notebook = await startNotebook();
  await using check = await startCheckProcess({ file, url: notebook.url, users: 4, rate: 100, settleMs: 500 });
  await pause(300);
  const snapshot = await check.report();
  expect(snapshot.phase).toBe("traffic");
  const report = await check.finish({ after: 300 });
  expect(report).toMatchObject({ verdict: "kept", lost: 0, failed: 0, check: "notebook" });
  expect(report.requests).toBeGreaterThan(snapshot.requests);
  expect(report.longestPause("write")).toBeGreaterThan(0);
});

test("the journal has a line before and after each operation, in one order", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ninefold-check-"));
  const journal = join(folder, "journal.jsonl");
  await using notebook = await startNotebook();
  const snapshots: Snapshot[] = [];
  const report = await runCheckProcess(
    { file, url: notebook.url, users: 4, rate: 100, durationMs: 1_500, settleMs: 500, seed: 5, journal },
    { onProgress: (snapshot) => snapshots.push(snapshot) },
  );
  const lines = (await readFile(journal, "utf8")).trimEnd().split("\n");
  await rm(folder, { recursive: true });
  expect(lines.length).toBe(report.requests * 2);
  expect(lines.map((line) => JSON.parse(line).line)).toEqual(lines.map((_, index) => index + 1));
  const ended = new Set<number>();
  for (const { op, outcome } of lines.map((line) => JSON.parse(line)).reverse()) {
    if (outcome !== undefined) ended.add(op);
    else expect(ended.has(op)).toBe(true);
  }
  expect(report.seed).toBe(5);
  expect(snapshots.length).toBeGreaterThan(0);
});

test("what stops a check from starting comes over as it is, and no process is left", async () => {
  const start = startCheckProcess({ file: "missing.ts", url: "http://127.0.0.1:1" });
  await expect(start).rejects.toMatchObject({ code: "check-file", at: "missing.ts" });
});

test("the traffic ends early when it is told to", async () => {
  await using notebook = await startNotebook();
  const early = new AbortController();
  setTimeout(() => early.abort(), 500);
  const report = await runCheckProcess(
    { file, url: notebook.url, users: 2, rate: 50, durationMs: 600_000, settleMs: 500 },
    { signal: early.signal },
  );
  expect(report.verdict).toBe("kept");
});
