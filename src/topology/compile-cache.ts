import { join } from "node:path";

/**
 * Where Node keeps compiled modules of Ninefold's own processes, so that they start in half the time: beside the packages,
 * which only the user who installed them can write to. Where it cannot be written, Node goes on without.
 */
export const COMPILE_CACHE = join(import.meta.dirname, "..", "..", "node_modules", ".cache", "ninefold");
