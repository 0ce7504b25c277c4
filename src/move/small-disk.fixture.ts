import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A disk of its own over a folder, which can be filled. */
export interface SmallDisk extends Disposable {
  readonly folder: string;
  freeBytes(): number;
  /** Leaves so much room, in MiB. Run again, it leaves more or less. */
  leave(mib: number): void;
  /** Makes the disk larger, in MiB. */
  grow(mib: number): void;
}

/** @returns undefined where this process may not mount; it must be root, and allowed to */
export function smallDisk(mib: number): SmallDisk | undefined {
  const folder = mkdtempSync(join(tmpdir(), "ninefold-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${mib}m,mode=0755`, "tmpfs", folder], { stdio: "ignore" });
  } catch {
    rmSync(folder, { recursive: true });
    return undefined;
  }
  const ballast = join(folder, "ballast");
  const freeBytes = () => {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  };
  return {
    folder,
    freeBytes,
    leave: (room) => {
      rmSync(ballast, { force: true });
      const size = freeBytes() - room * 1_048_576;
      if (size > 0) execFileSync("fallocate", ["-l", String(size), ballast]);
    },
    grow: (size) => void execFileSync("mount", ["-o", `remount,size=${size}m`, folder]),
    [Symbol.dispose]: () => {
      execFileSync("umount", ["--lazy", folder]);
      rmSync(folder, { recursive: true });
    },
  };
}

export const CANNOT_MOUNT = "needs to be root and allowed to mount";
