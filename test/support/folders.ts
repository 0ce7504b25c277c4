import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";

export const repository = join(import.meta.dirname, "..", "..");

/**
 * A service's folder of a test's own, inside the repository so that packages resolve as they do for the example.
 * Removed with everything in it when disposed of.
 */
export function copyOfService(source: string): { readonly folder: string; [Symbol.dispose](): void } {
  const parent = join(repository, ".test-systems");
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, "service-"));
  cpSync(source, folder, {
    recursive: true,
    filter: (path) => !/(^|\/)(node_modules|\.ninefold|web|mail)$/.test(path.slice(source.length)),
  });
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}
