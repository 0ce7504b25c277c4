#!/usr/bin/env node
// From a checkout the sources run as they are; from the published package, their compiled form.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
// Node 20 has no `enableCompileCache` and would refuse the name before the version is looked at below.
import * as modules from "node:module";
import { fileURLToPath } from "node:url";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
// A checkout brings its own Node.
const own = fileURLToPath(new URL("../node_modules/node/bin/node", import.meta.url));
if (major > 22 || (major === 22 && minor >= 18)) await run();
else if (existsSync(own)) runWith(own);
else {
  console.error(
    `ninefold needs Node 22.18 or newer; this is ${process.versions.node}. Install a newer Node and run the command again.`,
  );
  process.exitCode = 2;
}

async function run() {
  const source = new URL("../src/cli/main.ts", import.meta.url);
  const root = existsSync(source) ? "../src" : "../dist";
  const extension = existsSync(source) ? "ts" : "js";
  // The folder of src/topology/package.ts, named again: to read it there would load what strips types, a tenth of a second.
  modules.enableCompileCache(fileURLToPath(new URL("../node_modules/.cache/ninefold", import.meta.url)));
  await import(new URL(`${root}/cli/main.${extension}`, import.meta.url).href);
}

/** Runs the same command on another Node, and ends as it ends. An interrupt of the terminal reaches both. */
function runWith(node) {
  const child = spawn(node, process.argv.slice(1), { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      if (signal !== "SIGINT") child.kill(signal);
    });
  }
  child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
}
