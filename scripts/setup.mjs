// Runs on whatever Node a machine has; everything after it runs on the Node that the repository brings.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const root = join(import.meta.dirname, "..");
export const node = join(root, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");

function fail(message) {
  console.error(message);
  process.exit(1);
}

function run(file, args, options) {
  const done = spawnSync(file, args, { cwd: root, stdio: "inherit", ...options });
  if (done.error) fail(`${file}: ${done.error.message}`);
  return done.status ?? 1;
}

function hashOf(paths) {
  const hash = createHash("sha256");
  for (const path of paths) hash.update(path.slice(root.length)).update(readFileSync(path));
  return hash.digest("hex");
}

function filesUnder(folder) {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .sort();
}

/** Installs the packages of the lock file, once for each content of it. */
export function install() {
  const mark = join(root, "node_modules", ".ninefold-installed");
  const wanted = hashOf([join(root, "package-lock.json"), join(root, "package.json")]);
  if (existsSync(mark) && readFileSync(mark, "utf8") === wanted && existsSync(node)) return;
  console.log("Installing packages (once; about a minute) ...");
  const status = run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    shell: process.platform === "win32",
  });
  if (status !== 0) fail("`npm ci` failed; its message is above. With the cause removed, run the same command again.");
  writeFileSync(mark, wanted);
}

/** Builds Conduit's browser client, once for each content of its sources. */
export function buildClient() {
  const conduit = join(root, "examples", "conduit");
  const mark = join(conduit, "public", ".built");
  const wanted = hashOf([...filesUnder(join(conduit, "web")), join(conduit, "package.json")]);
  if (existsSync(mark) && readFileSync(mark, "utf8") === wanted) return;
  console.log("Building Conduit's browser client (once for each change) ...");
  const vite = join(root, "node_modules", "vite", "bin", "vite.js");
  const status = run(node, [vite, "build", "web", "--logLevel", "warn"], { cwd: conduit });
  if (status !== 0) fail("The browser client could not be built; the message is above.");
  writeFileSync(mark, wanted);
}

if (import.meta.main ?? process.argv[1] === import.meta.filename) {
  install();
  buildClient();
}
