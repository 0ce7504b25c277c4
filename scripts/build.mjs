// `npm run build`: the published package's code, in dist/: types for each module, code in as few files as its programs share.
import { spawnSync } from "node:child_process";
import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";
import { root } from "./setup.mjs";

const dist = join(root, "dist");
rmSync(dist, { recursive: true, force: true });
const tsc = join(root, "node_modules/typescript/bin/tsc");
const { status } = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
if (status !== 0) process.exit(status ?? 1);

/** What users import, and what runs as a process of its own. */
const entries = [
  "index",
  "check/index",
  "check/main",
  "cli/main",
  "control/main",
  "machine/local/agent",
  "runtime/main",
];
/** Packages of many modules that only we use: as one module each loads in a third of the time. The service's own stay outside. */
const inside = ["commander", "picocolors", "yaml", "zod"];
/** Finds our other files by its own place. */
const inItsPlace = "topology/package";

const bundle = await rolldown({
  cwd: root,
  platform: "node",
  input: Object.fromEntries(entries.map((name) => [name, join(root, "src", `${name}.ts`)])),
  external: (id) => /^[^./\0]/.test(id) && !inside.includes(id.split("/", 1)[0]),
});
await bundle.write({
  dir: dist,
  format: "esm",
  entryFileNames: "[name].js",
  chunkFileNames: ({ name }) => (name === inItsPlace ? "[name].js" : "chunks/[name].js"),
  codeSplitting: { groups: [{ name: inItsPlace, test: /src\/topology\/package\.ts$/ }] },
});
for (const name of inside) copyFileSync(join(root, "node_modules", name, "LICENSE"), join(dist, `${name}.LICENSE`));
