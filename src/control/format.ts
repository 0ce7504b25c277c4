import { mkdir, open, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import type { StatePaths } from "./paths.ts";
import { JournalCorrupt, NewerState } from "./problem.ts";

/** Version of the layout and the journal of `.ninefold` that this Ninefold reads and writes. */
const STATE_FORMAT = 1;

/** Looks whether this Ninefold may work with the state; changes nothing. Throws NewerState, JournalCorrupt. */
export async function checkFormat(paths: StatePaths): Promise<void> {
  const text = await readFile(paths.format, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "ENOENT") throw cause;
  });
  if (text === undefined) return;
  const parsed = z.object({ format: z.int().min(1) }).safeParse(parseJson(text));
  if (!parsed.success) throw new JournalCorrupt(paths.format, "it does not say its format");
  if (parsed.data.format > STATE_FORMAT) throw new NewerState(paths.format, parsed.data.format, STATE_FORMAT);
}

/** Marks the state as of this format. Call it before anything else is written. */
export async function claimFormat(paths: StatePaths): Promise<void> {
  await checkFormat(paths);
  await mkdir(paths.root, { recursive: true, mode: 0o700 });
  await writeDurably(paths.format, `${JSON.stringify({ format: STATE_FORMAT })}\n`, 0o600);
}

/** Writes a file whole or not at all, power loss included. */
export async function writeDurably(path: string, text: string, mode: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const half = `${path}.${process.pid}.new`;
  await writeFile(half, text, { mode, flush: true });
  await rename(half, path);
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
