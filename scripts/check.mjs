// `npm run check`: everything but the tests: format and lint, types, direction of dependencies, unused code.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { install, node, root } from "./setup.mjs";

install();
const bin = (name) => join(root, "node_modules", name);
const checks = [
  ["format and lint", bin("@biomejs/biome/bin/biome"), ["check", "--error-on-warnings", "."]],
  ["types", bin("typescript/bin/tsc"), ["--noEmit"]],
  ["types of the browser client", bin("typescript/bin/tsc"), ["--noEmit", "-p", "examples/conduit/web"]],
  ["direction of dependencies", bin("dependency-cruiser/bin/dependency-cruiser.mjs"), ["src", "--output-type", "err"]],
  ["unused code", bin("knip/bin/knip.js"), []],
];
const failed = checks.filter(([name, file, args]) => {
  const done = spawnSync(node, [file, ...args], { cwd: root, encoding: "utf8" });
  console.log(`${done.status === 0 ? "ok    " : "failed"}  ${name}`);
  if (done.status !== 0) console.log(`${done.stdout}${done.stderr}`);
  return done.status !== 0;
});
process.exit(failed.length === 0 ? 0 : 1);
