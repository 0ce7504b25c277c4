// A reporter of vitest, for scripts/test.mjs: writes which errors no test caught, and which of them an attempt that failed left behind;
// and shows why an attempt failed where a later one passed, which vitest keeps to itself.
// A test that fails halfway stops waiting for what it began, and ends the server under it; that failure is counted, and retried, by itself.
import { writeFileSync } from "node:fs";

/** Characters of a message; what a report of the check says begins with what was broken. */
const MOST = 4_000;

// biome-ignore lint/style/noDefaultExport: vitest takes a reporter from a module as its default
export default class StrayErrors {
  onTestCaseResult(test) {
    const { state, errors = [] } = test.result();
    if (state !== "passed") return;
    for (const { message } of errors) console.log(`A failed attempt of "${test.fullName}": ${message.slice(0, MOST)}`);
  }

  onTestRunEnd(modules, errors) {
    const path = process.env.NINEFOLD_STRAY_ERRORS;
    if (path !== undefined) writeFileSync(path, JSON.stringify(sorted(modules, errors)));
  }
}

/**
 * @returns `stray`: errors of which nothing is known; `left`: those that came during, or right after, a test that failed or needed a retry
 */
function sorted(modules, errors) {
  const unsteady = new Set();
  for (const { moduleId, children } of modules) {
    for (const test of children.allTests()) {
      const failed = test.result().state === "failed" || (test.diagnostic()?.retryCount ?? 0) > 0;
      if (failed) unsteady.add(`${moduleId}\n${test.name}`);
    }
  }
  const lists = { stray: [], left: [] };
  for (const { message, VITEST_TEST_PATH: path, VITEST_TEST_NAME: name } of errors) {
    lists[unsteady.has(`${path}\n${name}`) ? "left" : "stray"].push(`${name ?? path ?? "a lane of tests"}: ${message}`);
  }
  return lists;
}
