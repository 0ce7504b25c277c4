import { constants, copyFileSync, existsSync, renameSync, rmSync, statSync, truncateSync } from "node:fs";

/** A log longer than this is set aside; bytes. */
export const LOG_BYTES = 16 * 1024 * 1024;
const KEPT = 3;

/**
 * Sets a log aside as `<log>.1` when it is too long, and older ones one further, up to `<log>.3`. The file itself stays,
 * emptied, since a running instance goes on writing to it: lines written between the copy and the emptying are lost, at
 * most a few.
 */
export function rotate(log: string, longest = LOG_BYTES): boolean {
  const size = statSync(log, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= longest) return false;
  rmSync(`${log}.${KEPT}`, { force: true });
  for (let age = KEPT - 1; age >= 1; age -= 1) {
    if (existsSync(`${log}.${age}`)) renameSync(`${log}.${age}`, `${log}.${age + 1}`);
  }
  copyFileSync(log, `${log}.1`, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  truncateSync(log);
  return true;
}
