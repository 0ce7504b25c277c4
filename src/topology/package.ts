import { extname, join } from "node:path";

/** The folder of the installed package, or of the checkout. */
export const PACKAGE_ROOT = join(import.meta.dirname, "..", "..");

/**
 * Where Node keeps compiled modules of Ninefold's own processes, so that they start in half the time: beside the packages,
 * which only the user who installed them can write to. Where it cannot be written, Node goes on without.
 */
export const COMPILE_CACHE = join(PACKAGE_ROOT, "node_modules", ".cache", "ninefold");

/** Modules that run as processes of their own. */
export type OwnProgram = "check/main" | "control/main" | "machine/local/agent" | "runtime/main";

// Node keeps four helpers to compile and to collect garbage, whatever the machine, and each of a fleet's processes has as many.
const ONE_HELPER = "--v8-pool-size=1";

/**
 * The service's process begins with room for new objects (in MiB; V8's own beginning is 1, its limit 16), which it would grow into
 * collection by collection while it loads. What only looks after others collects without helpers, beside those that serve.
 */
const FLAGS: Readonly<Record<OwnProgram, readonly string[]>> = {
  "runtime/main": [ONE_HELPER, "--min-semi-space-size=16"],
  "control/main": [ONE_HELPER, "--single-threaded-gc"],
  "machine/local/agent": [ONE_HELPER, "--single-threaded-gc"],
  "check/main": [],
};

/** Arguments of node that run one of our programs, as a source or as built, like this module itself. */
export function ownProgram(name: OwnProgram): string[] {
  const extension = extname(import.meta.filename);
  const main = join(import.meta.dirname, "..", `${name}${extension}`);
  return [...FLAGS[name], ...(extension === ".ts" ? ["--conditions=ninefold-source"] : []), main];
}
