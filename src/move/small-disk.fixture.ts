import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, statfsSync, statSync } from "node:fs";
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

/** A disk over a folder of its own. @returns undefined where this process may not mount; it must be root, and allowed to */
export function smallDisk(mib: number): SmallDisk | undefined {
  const folder = mkdtempSync(join(tmpdir(), "ninefold-disk-"));
  chmodSync(folder, 0o755);
  const disk = diskOver(folder, mib);
  if (disk === undefined) rmSync(folder, { recursive: true });
  return (
    disk && {
      ...disk,
      [Symbol.dispose]: () => {
        disk[Symbol.dispose]();
        rmSync(folder, { recursive: true });
      },
    }
  );
}

/** As {@link smallDisk}, over a folder that there is. What was in it is hidden until the disk is disposed of. */
export function diskOver(folder: string, mib: number): SmallDisk | undefined {
  const { uid, gid, mode } = statSync(folder);
  const options = `size=${mib}m,mode=0${(mode & 0o777).toString(8)},uid=${uid},gid=${gid}`;
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", folder], { stdio: "ignore" });
  } catch {
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
    [Symbol.dispose]: () => void execFileSync("umount", ["--lazy", folder]),
  };
}

export const CANNOT_MOUNT = "needs to be root and allowed to mount";
