#!/usr/bin/env node
// From a checkout the sources run as they are; from the published package, their compiled form.
import { existsSync } from "node:fs";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `ninefold needs Node 22.18 or newer; this is ${process.versions.node}. Install a newer Node and run the command again.`,
  );
  process.exit(2);
}
const source = new URL("../src/cli/main.ts", import.meta.url);
await import(existsSync(source) ? source.href : new URL("../dist/cli/main.js", import.meta.url).href);
