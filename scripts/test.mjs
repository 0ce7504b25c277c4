// `npm test`: everything the tests need, then all tests, then one closing line: `N passed, N failed`.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildClient, install, node, root } from "./setup.mjs";

const debian = existsSync("/etc/debian_version") && process.getuid?.() === 0;
const browsers = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

function installBrowser() {
  if (browsers.some(existsSync)) return;
  if (!debian) {
    console.log("Left out: browser tests, because no chromium is installed (on Debian: `apt-get install chromium`).");
    return;
  }
  console.log("Installing chromium for the browser tests ...");
  const options = {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  };
  spawnSync("apt-get", ["update", "-qq"], options);
  spawnSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", "chromium"], options);
  if (!browsers.some(existsSync)) console.log("Left out: browser tests, because chromium could not be installed.");
}

/** What rungs 2 and 3 run: PostgreSQL under Patroni with etcd, and HAProxy. */
function installEngines() {
  const ninefold = join(root, "bin", "ninefold.js");
  const asked = debian ? ["install", "--rung", "3", "--yes"] : ["install", "--rung", "3"];
  const { stdout, stderr } = spawnSync(node, [ninefold, ...asked], { cwd: root, encoding: "utf8" });
  if (stdout?.includes("is installed.")) return;
  console.log(`Left out: tests of rungs 2 and 3, because system packages are missing.\n${stdout}${stderr}`);
}

install();
buildClient();
installBrowser();
installEngines();

const results = join(tmpdir(), `ninefold-tests-${process.pid}.json`);
const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
const run = spawnSync(
  node,
  [vitest, "run", "--reporter=default", "--reporter=json", `--outputFile.json=${results}`, ...process.argv.slice(2)],
  { cwd: root, stdio: "inherit" },
);
if (!existsSync(results)) {
  console.error("The tests did not run to their end.");
  process.exit(1);
}
const { numPassedTests, numFailedTests, numPendingTests, numFailedTestSuites } = JSON.parse(
  readFileSync(results, "utf8"),
);
rmSync(results);
const failed = numFailedTests === 0 && run.status !== 0 ? Math.max(1, numFailedTestSuites) : numFailedTests;
console.log(`${numPassedTests} passed, ${failed} failed${numPendingTests > 0 ? `, ${numPendingTests} skipped` : ""}`);
process.exit(failed === 0 ? 0 : 1);
