import { readFileSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { join } from "node:path";

// The process of one instance: `node main.js <instance.json>`. Compiled modules are kept in the service's own folder (a shared
// one for all users could be written to by others): an instance then starts in half the time. Nothing else is loaded before.
const file = process.argv[2];
try {
  const { folder } = JSON.parse(readFileSync(String(file), "utf8")) as { folder?: unknown };
  if (typeof folder === "string") enableCompileCache(join(folder, ".ninefold", "cache"));
} catch {
  // A file that cannot be read is refused below, with what is wrong with it.
}
const { runInstance } = await import("./process.ts");
await runInstance(file);
