import { randomBytes } from "node:crypto";
import {
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";

/**
 * Writes a file so that it is always either the old one or the new one, whole, even after a loss of power.
 * @throws the errors of node:fs; `ENOSPC` when the disk is full, with the old file untouched
 */
export function writeAtomically(
  path: string,
  text: string,
  options: { mode: number; uid?: number; gid?: number },
): void {
  const half = `${path}.${randomBytes(4).toString("hex")}.new`;
  // EXCL: where an engine's user may write, it could have laid a link to a file of root's here.
  const fd = openSync(half, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, options.mode);
  try {
    try {
      fchmodSync(fd, options.mode);
      writeSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    if (options.uid !== undefined && options.gid !== undefined) chownSync(half, options.uid, options.gid);
    renameSync(half, path);
  } catch (cause) {
    rmSync(half, { force: true });
    throw cause;
  }
}

/** Opens a log to append to, never through a link. */
export function openLog(path: string): number {
  return openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW, 0o600);
}
