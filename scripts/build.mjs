// `npm run build`: the published package's code, in dist/.
import { spawnSync } from "node:child_process";
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { rolldown } from "rolldown";
import { root } from "./setup.mjs";

const dist = join(root, "dist");
rmSync(dist, { recursive: true, force: true });
const tsc = join(root, "node_modules/typescript/bin/tsc");
const { status } = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
if (status !== 0) process.exit(status ?? 1);

// Each of our processes loads zod, and zod is a hundred modules: as one it loads in a third of the time.
const bundle = await rolldown({ input: { zod: "zod" }, cwd: root, platform: "node" });
await bundle.write({ dir: dist, format: "esm" });
copyFileSync(join(root, "node_modules/zod/LICENSE"), join(dist, "zod.LICENSE"));
for (const name of readdirSync(dist, { recursive: true }).filter((file) => file.endsWith(".js"))) {
  const path = join(dist, name);
  const text = readFileSync(path, "utf8");
  const folder = relative(dirname(path), dist) || ".";
  const changed = text.replaceAll(/^(import .*) from "zod";$/gm, `$1 from "${folder}/zod.js";`);
  if (changed !== text) writeFileSync(path, changed);
}
