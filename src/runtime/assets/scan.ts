import { readdir, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { type AssetFile, openFile } from "./file.ts";

/**
 * Every file under `folder` by its path in a URL. Only what is in this map is ever served, so no path can lead out of
 * the folder. Names that begin with a dot are left out, and links that lead out of the folder.
 */
export async function scan(folder: string): Promise<Map<string, AssetFile>> {
  const root = await realpath(folder);
  const files = new Map<string, AssetFile>();
  const walk = async (at: string, url: string): Promise<void> => {
    for (const entry of await readdir(at, { withFileTypes: true })) {
      if (entry.name.startsWith(".")) continue;
      const path = join(at, entry.name);
      if (entry.isDirectory()) await walk(path, `${url}${entry.name}/`);
      else if (entry.isFile() || (entry.isSymbolicLink() && (await leadsToFileInside(path, root))))
        files.set(`${url}${entry.name}`, await openFile(path));
    }
  };
  await walk(root, "/");
  return files;
}

async function leadsToFileInside(link: string, root: string): Promise<boolean> {
  try {
    return (await realpath(link)).startsWith(root + sep) && (await stat(link)).isFile();
  } catch {
    return false; // a link to nothing
  }
}
