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

/** Arguments of node that run one of our programs, as a source or as built, like this module itself. */
export function ownProgram(name: OwnProgram): string[] {
  const extension = extname(import.meta.filename);
  const main = join(import.meta.dirname, "..", `${name}${extension}`);
  return [...(extension === ".ts" ? ["--conditions=ninefold-source"] : []), main];
}
