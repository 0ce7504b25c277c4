import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { InstanceName } from "../../topology/names.ts";
import { runToEnd } from "./run.ts";
import { until } from "./testing.ts";

const database = InstanceName.parse("dc1.db.1");

/** A command that notes that it runs, and ends when it is told to. */
function counted() {
  const folder = mkdtempSync(join(tmpdir(), "ninefold-run-"));
  const ask = (signal = new AbortController().signal) =>
    runToEnd(
      database,
      {
        file: "/bin/sh",
        args: ["-c", 'echo run >> runs; while [ ! -e go ]; do sleep 0.01; done; echo "$$"'],
        env: {},
        cwd: folder,
        user: "self",
        stop: { signal: "SIGTERM", withinMs: 0 },
      },
      { folder, log: join(folder, "log"), user: undefined, withinMs: 20_000, signal },
    );
  const runs = join(folder, "runs");
  return {
    ask,
    count: () => (existsSync(runs) ? readFileSync(runs, "utf8").split("\n").length - 1 : 0),
    go: () => writeFileSync(join(folder, "go"), ""),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

test.runIf(process.platform === "linux")("what has time gives way, in its session and beside others", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ninefold-run-"));
  const ask = (behind?: true) =>
    runToEnd(
      database,
      {
        file: "/bin/sh",
        args: ["-c", "nice; cat /proc/self/autogroup 2>/dev/null; true"],
        env: {},
        cwd: folder,
        user: "self",
        stop: { signal: "SIGTERM", withinMs: 0 },
        ...(behind ? { behind } : {}),
      },
      { folder, log: join(folder, "log"), user: undefined, withinMs: 20_000, signal: new AbortController().signal },
    );
  const nice = async (behind?: true) =>
    (await ask(behind)).stdout
      .replaceAll(/\/autogroup-\d+ nice /g, "")
      .trim()
      .split("\n");
  const shared = existsSync("/proc/self/autogroup");
  expect(await nice()).toEqual(shared ? ["0", "0"] : ["0"]);
  expect(await nice(true)).toEqual(shared ? ["10", "10"] : ["10"]);
  rmSync(folder, { recursive: true });
});

test("those who ask for the same run while it goes on share it, and one who gives up ends it for nobody else", async () => {
  using run = counted();
  const givenUp = new AbortController();
  const all = [run.ask(), run.ask(givenUp.signal), run.ask()];
  await until("it runs", async () => run.count() === 1);
  givenUp.abort();
  run.go();
  const [first, ...others] = await Promise.all(all);
  expect(first).toMatchObject({ code: 0 });
  for (const other of others) expect(other).toEqual(first);
  expect(run.count()).toBe(1);
});

test("a run that ended, or that everybody gave up, is another one when it is asked for again", async () => {
  using run = counted();
  const givenUp = new AbortController();
  const killed = run.ask(givenUp.signal);
  await until("it runs", async () => run.count() === 1);
  givenUp.abort();
  const next = run.ask();
  expect(await killed).toMatchObject({ code: 137 });
  await until("another runs", async () => run.count() === 2);
  run.go();
  expect(await next).toMatchObject({ code: 0 });
  expect(await run.ask()).toMatchObject({ code: 0 });
  expect(run.count()).toBe(3);
});
