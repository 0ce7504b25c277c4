import { open } from "node:fs/promises";
import { join } from "node:path";

/** How much of a log is read, from its end, in bytes: some tries to start. */
const TAIL = 8 * 1024;

/**
 * Why an instance does not come up, in our words, from the end of its log: the reason whose sign comes last there.
 * @param signs what the engine writes, and what it means
 * @returns undefined where there is none of the signs, or no log
 */
export async function reasonInLog(
  folder: string,
  signs: readonly (readonly [sign: string, means: string])[],
): Promise<string | undefined> {
  const tail = await readTail(join(folder, "log")).catch(() => "");
  const found = signs.map(([sign, means]) => ({ at: tail.lastIndexOf(sign), means })).filter(({ at }) => at >= 0);
  return found.sort((a, b) => b.at - a.at)[0]?.means;
}

async function readTail(path: string): Promise<string> {
  await using file = await open(path, "r");
  const { size } = await file.stat();
  const { buffer, bytesRead } = await file.read(Buffer.alloc(TAIL), 0, TAIL, Math.max(0, size - TAIL));
  return buffer.subarray(0, bytesRead).toString("utf8");
}
