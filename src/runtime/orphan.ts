import { access } from "node:fs/promises";

/** How often it is looked, milliseconds. */
const LOOK_MS = 5_000;

/**
 * Calls `end` once the file that this instance runs from is seen to be gone, twice in a row. An instance outlives the agent that
 * started it, so that the next one finds it; without its file none will.
 */
export function whenOrphaned(file: string, end: () => void): void {
  let missing = 0;
  const look = setInterval(() => {
    access(file).then(
      () => {
        missing = 0;
      },
      (cause: NodeJS.ErrnoException) => {
        missing = cause.code === "ENOENT" ? missing + 1 : 0;
        if (missing < 2) return;
        clearInterval(look);
        end();
      },
    );
  }, LOOK_MS);
  look.unref();
}
