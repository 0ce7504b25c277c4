#!/usr/bin/env node
// From a checkout the sources run as they are; from the published package, their compiled form.
import { existsSync } from "node:fs";
// Node 20 has no `enableCompileCache` and would refuse the name before the version is looked at below.
import * as modules from "node:module";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `ninefold needs Node 22.18 or newer; this is ${process.versions.node}. Install a newer Node and run the command again.`,
  );
  process.exit(2);
}
const source = new URL("../src/cli/main.ts", import.meta.url);
const root = existsSync(source) ? "../src" : "../dist";
const extension = existsSync(source) ? "ts" : "js";
const { COMPILE_CACHE } = await import(new URL(`${root}/topology/compile-cache.${extension}`, import.meta.url).href);
modules.enableCompileCache(COMPILE_CACHE);
await import(new URL(`${root}/cli/main.${extension}`, import.meta.url).href);
