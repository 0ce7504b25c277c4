import { lstat, readdir, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** What is freed in one go, and the pause after it: 1 GB in 1.5 s. */
const SLICE = 16 * 1024 * 1024;
const PAUSE_MS = 20;

/**
 * Removes a folder with all that is in it, beside a service whose commits go to the same disk: freed at once, 2 GB held those up
 * for 35 ms again and again (ext4 with `discard`), and for 4 ms freed so. Does nothing when there is none. Links within it go, and
 * not what they lead to; of one in its place both go.
 */
export async function removeGently(folder: string): Promise<void> {
  let freed = 0;
  async function free(bytes: number): Promise<void> {
    freed += bytes;
    if (freed < SLICE) return;
    freed = 0;
    await delay(PAUSE_MS);
  }

  async function shrink(path: string, size: number): Promise<void> {
    for (let left = size - SLICE; left > 0; left -= SLICE) {
      await truncate(path, left);
      await free(SLICE);
    }
  }

  async function empty(inner: string): Promise<void> {
    for (const entry of await readdir(inner, { withFileTypes: true })) {
      const path = join(inner, entry.name);
      if (entry.isDirectory()) await empty(path);
      else if (entry.isFile()) {
        const { size, nlink } = await lstat(path);
        // Another name of the same file may be outside.
        if (nlink === 1) await shrink(path, size);
        await free(Math.min(size, SLICE));
      }
      await rm(path, { recursive: true });
    }
  }

  await empty(folder).catch((cause: unknown) => {
    // Whoever else removes it is as far as we are.
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
  });
  await rm(folder, { recursive: true, force: true });
}

/** The same for where nobody serves beside it. */
export async function removeAtOnce(folder: string): Promise<void> {
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return [];
    throw cause;
  });
  for (const path of [...names.map((name) => join(folder, name)), folder])
    await rm(path, { recursive: true, force: true });
}
