// `npm test`: everything the tests need, then all tests, then one closing line: `N passed, N failed`.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { buildClient, install, node, root } from "./setup.mjs";

const debian = existsSync("/etc/debian_version") && process.getuid?.() === 0;
const browsers = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** What only some tests need, from Debian's own packages. */
function installFor(tests, name, isThere) {
  if (isThere()) return;
  if (!debian) {
    console.log(
      `Left out: ${tests}, because ${name} is not installed (on Debian, as root: \`apt-get install ${name}\`).`,
    );
    return;
  }
  console.log(`Installing ${name} for ${tests} ...`);
  const options = {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  };
  spawnSync("apt-get", ["update", "-qq"], options);
  spawnSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", name], options);
  if (!isThere()) console.log(`Left out: ${tests}, because ${name} could not be installed.`);
}

/** What rungs 2 to 4 run: PostgreSQL under Patroni with etcd, and HAProxy. */
function installEngines() {
  const ninefold = join(root, "bin", "ninefold.js");
  const asked = debian ? ["install", "--rung", "3", "--yes"] : ["install", "--rung", "3"];
  const { stdout, stderr } = spawnSync(node, [ninefold, ...asked], { cwd: root, encoding: "utf8" });
  if (stdout?.includes("is installed.")) return;
  console.log(`Left out: tests of rungs 2 and 3, because system packages are missing.\n${stdout}${stderr}`);
}

install();
buildClient();
installFor("browser tests", "chromium", () => browsers.some(existsSync));
if (process.env.NINEFOLD_LONG !== undefined)
  installFor("the test of a cut network", "nftables", () => spawnSync("nft", ["--version"]).error === undefined);
installEngines();

const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
const asked = process.argv.slice(2);
// Files of one project run one after another; those of the two side by side, since tests of engines mostly wait.
const lanes = asked.some((arg) => arg.startsWith("--project")) ? [[]] : [["--project=system"], ["--project=unit"]];

/** Runs tests; what they print is kept until `show` is called, and appears at once from then on. */
function start(lane, index) {
  const results = join(tmpdir(), `ninefold-tests-${process.pid}-${index}.json`);
  const strays = join(tmpdir(), `ninefold-tests-${process.pid}-${index}-strays.json`);
  const forStrays = join(root, "scripts", "stray-errors.mjs");
  const reporters = ["default", "json", forStrays].map((name) => `--reporter=${name}`);
  const child = spawn(
    node,
    [vitest, "run", ...lane, "--passWithNoTests", ...reporters, `--outputFile.json=${results}`, ...asked],
    {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NINEFOLD_STRAY_ERRORS: strays, ...(process.stdout.isTTY ? { FORCE_COLOR: "1" } : {}) },
    },
  );
  const kept = [];
  let print = (chunk) => kept.push(chunk);
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => print(chunk));
  const ended = new Promise((resolve) => {
    child.on("close", (status) => resolve({ status, results, strays }));
  });
  return {
    ended,
    show() {
      print = (chunk) => process.stdout.write(chunk);
      for (const chunk of kept.splice(0)) print(chunk);
    },
  };
}

/** Counts of a run that has ended, and what failed in it. */
function counted({ status, results, strays }) {
  if (!existsSync(results) || !existsSync(strays)) {
    console.error("The tests did not run to their end.");
    return { passed: 0, failed: 1, skipped: 0, failures: ["a lane of tests did not run to its end"] };
  }
  const report = JSON.parse(readFileSync(results, "utf8"));
  const { stray, left } = JSON.parse(readFileSync(strays, "utf8"));
  for (const file of [results, strays]) rmSync(file);
  for (const error of left) console.log(`Left behind by an attempt that failed: ${firstLine(error)}`);
  const failures = [...failuresIn(report), ...stray.map((error) => `caught by no test: ${firstLine(error)}`)];
  if (failures.length === 0 && left.length === 0 && status !== 0)
    failures.push("a lane of tests ended with an error of its own");
  return { passed: report.numPassedTests, failed: failures.length, skipped: report.numPendingTests, failures };
}

/** A line for each test that failed, and for each file that could not be run. */
function failuresIn({ testResults }) {
  return testResults.flatMap(({ name, message, assertionResults }) => {
    const file = relative(root, name);
    const failed = assertionResults.filter(({ status }) => status === "failed");
    if (failed.length === 0) return message ? [`${file}: ${firstLine(message)}`] : [];
    return failed.map(({ fullName, failureMessages }) => `${file}: ${fullName}: ${firstLine(failureMessages[0])}`);
  });
}

const firstLine = (text = "") => text.split("\n", 1)[0];

// Ctrl-C reaches the tests as well; they are waited for, because they stop what they started.
process.on("SIGINT", () => {});
const total = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
for (const run of lanes.map(start)) {
  run.show();
  const counts = counted(await run.ended);
  for (const kind of Object.keys(total)) total[kind] += counts[kind];
  failures.push(...counts.failures);
}
const { passed, failed, skipped } = total;
if (passed + failed + skipped === 0) {
  console.error(`No test is like ${asked.join(" ")}`);
  process.exit(1);
}
for (const failure of failures) console.log(`Failed: ${failure}`);
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exit(failed === 0 ? 0 : 1);
