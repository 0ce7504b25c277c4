import { readdir, realpath } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { type AssetFile, openFile } from "./file.ts";

/** Finds a file of another release by its path in a URL, which must look like one with a hashed name. */
export type OtherReleases = (url: string) => Promise<AssetFile | undefined>;

/**
 * Looks for files with hashed names in the other releases beside the one that runs, newest first. During a deploy a page of the
 * new release may ask an old instance for its files, and after it a page of the old release a new instance. A hashed name
 * has one content, whichever release it comes from. Undefined when the folder is not that of a release.
 */
export function otherReleases(folder: string): OtherReleases | undefined {
  const parts = folder.split(sep);
  const at = parts.findLastIndex((part, i) => part === ".ninefold" && parts[i + 1] === "releases");
  const current = parts[at + 2];
  if (at < 0 || current === undefined) return undefined;
  const releases = parts.slice(0, at + 2).join(sep);
  const inside = relative(join(releases, current), folder);

  return async (url) => {
    if (url.split("/").some((part, i) => i > 0 && (part === "" || part.startsWith(".")))) return undefined;
    const names = await readdir(releases).catch(() => []);
    const newestFirst = names.filter((name) => /^[1-9][0-9]*$/.test(name) && name !== current).sort((a, b) => +b - +a);
    for (const name of newestFirst) {
      const root = join(releases, name, inside);
      const path = await realpath(join(root, url)).catch(() => undefined);
      if (path === undefined || !dirname(path).startsWith(await realpath(root))) continue;
      return openFile(path);
    }
    return undefined;
  };
}
