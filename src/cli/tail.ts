import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";

/** The last `n` whole lines of a file. */
export async function lastLines(path: string, n: number): Promise<string[]> {
  const lines = (await readFile(path, "utf8")).split("\n");
  if (lines.at(-1) === "") lines.pop();
  return n === 0 ? [] : lines.slice(-n);
}

/**
 * Hands on each line that is added to files that may come and go, for ever. A file that became shorter was set aside,
 * and is read from its beginning.
 * @param files what to look at, by name; asked again each time
 */
export async function tail(
  files: () => ReadonlyMap<string, string>,
  print: (name: string, line: string) => void,
  options: { everyMs: number; skip: ReadonlyMap<string, string> },
): Promise<never> {
  const places = new Map<string, { offset: number; rest: string }>();
  for (const [name, path] of options.skip) places.set(name, { offset: sizeOf(path), rest: "" });
  while (true) {
    for (const [name, path] of files()) {
      const place = places.get(name) ?? { offset: 0, rest: "" };
      places.set(name, place);
      const text = added(path, place);
      if (text === "") continue;
      const lines = (place.rest + text).split("\n");
      place.rest = lines.pop() ?? "";
      for (const line of lines) print(name, line);
    }
    await pause(options.everyMs);
  }
}

function sizeOf(path: string): number {
  const file = openSync(path, "r");
  try {
    return fstatSync(file).size;
  } finally {
    closeSync(file);
  }
}

function added(path: string, place: { offset: number }): string {
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    if (size < place.offset) place.offset = 0;
    const chunk = Buffer.alloc(size - place.offset);
    place.offset += readSync(file, chunk, 0, chunk.length, place.offset);
    return chunk.toString("utf8");
  } finally {
    closeSync(file);
  }
}
