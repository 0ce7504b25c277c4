import { spawn } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repository } from "../support/folders.ts";
import { LONG, NOT_LONG } from "../support/long.ts";
import { startSystem } from "../support/system.ts";

test("Conduit's contract, its own tests and its pages hold at rung 4 with every standby held 2 s behind", {
  timeout: 1_200_000,
}, async ({ skip }) => {
  if (!LONG) return skip(NOT_LONG);
  await using system = await startSystem({ rung: 4, lag: "2s" });
  const { code, said } = await conduitsTests({ NINEFOLD_URL: system.url, NINEFOLD_FOLDER: system.folder });
  expect(code, said).toBe(0);
});

/** Runs the very tests that otherwise run against a Conduit of their own. */
function conduitsTests(env: Record<string, string>): Promise<{ readonly code: number | null; readonly said: string }> {
  const vitest = join(repository, "node_modules", "vitest", "vitest.mjs");
  const args = ["run", "--no-file-parallelism", "--no-isolate", "--reporter=dot", "examples/conduit", "test/browser"];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [vitest, ...args], {
      cwd: repository,
      env: { ...withoutVitest(process.env), ...env },
    });
    let said = "";
    for (const output of [child.stdout, child.stderr]) {
      output.setEncoding("utf8").on("data", (text: string) => {
        said += text;
      });
    }
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, said }));
  });
}

/** What this run of the tests tells its own workers is not meant for another run. */
function withoutVitest(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("VITEST")));
}
