import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** The process that keeps a test's engines. */
export interface Guard {
  /** Sends it a line. */
  tell(line: string): void;
  /** Resolves when it has ended. */
  readonly gone: Promise<unknown>;
  /** Lets it end what it keeps, and waits for that. */
  end(): Promise<void>;
}

/**
 * Runs `guard.sh` of a folder. It ends its engines and removes the folder when its standard input closes, so however this
 * process ends.
 */
export function startGuard(folder: string): Guard {
  const guard = spawn("sh", [join(folder, "guard.sh")], {
    cwd: folder,
    detached: true, // an interrupt from the terminal must not end the guard before its work is done
    stdio: ["pipe", "ignore", "ignore"],
  });
  const gone = once(guard, "exit");
  guard.unref();
  (guard.stdin as unknown as { unref(): void }).unref();
  return {
    tell: (line) => void guard.stdin.write(`${line}\n`),
    gone,
    end: async () => {
      guard.ref();
      guard.stdin.end();
      await gone;
    },
  };
}
