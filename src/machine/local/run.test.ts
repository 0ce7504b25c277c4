import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { InstanceName } from "../../topology/names.ts";
import type { Command } from "../machine.ts";
import { runToEnd } from "./run.ts";
import { until } from "./testing.ts";

const database = InstanceName.parse("dc1.db.1");

/** Runs a script of the shell in a folder of its own. */
function scripted(script: string) {
  const folder = mkdtempSync(join(tmpdir(), "ninefold-run-"));
  const stop = { signal: "SIGTERM", withinMs: 0 } as const;
  const command = { file: "/bin/sh", args: ["-c", script], env: {}, cwd: folder, user: "self", stop } as const;
  return {
    folder,
    ask: (signal = new AbortController().signal, options: Pick<Command, "behind"> = {}) =>
      runToEnd(
        database,
        { ...command, ...options },
        { folder, log: join(folder, "log"), user: undefined, withinMs: 20_000, signal },
      ),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

/** A command that notes that it runs, and ends when it is told to. */
function counted() {
  const run = scripted('echo run >> runs; while [ ! -e go ]; do sleep 0.01; done; echo "$$"');
  const { folder } = run;
  const runs = join(folder, "runs");
  return {
    ...run,
    count: () => (existsSync(runs) ? readFileSync(runs, "utf8").split("\n").length - 1 : 0),
    go: () => writeFileSync(join(folder, "go"), ""),
  };
}

test.runIf(process.platform === "linux")("what has time gives way, in its session and beside others", async () => {
  using run = scripted("nice; sed 's/.*nice //' /proc/self/autogroup 2>/dev/null || true");
  const priorities = async (options: Pick<Command, "behind">) => (await run.ask(undefined, options)).stdout.split("\n");
  const shared = existsSync("/proc/self/autogroup");
  expect(await priorities({})).toEqual(shared ? ["0", "0", ""] : ["0", ""]);
  expect(await priorities({ behind: true })).toEqual(shared ? ["10", "10", ""] : ["10", ""]);
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
