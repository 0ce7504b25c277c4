import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** Whether an instance's files are already what they should be. */
export async function sameOnDisk(folder: string, files: ReadonlyMap<string, string>): Promise<boolean> {
  for (const [path, text] of files) {
    const found = await readFile(join(folder, path), "utf8").catch(() => undefined);
    if (found !== text) return false;
  }
  return true;
}
