import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { lock } from "./lock.ts";

test("a lock is held by one, and free again when its holder is killed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ninefold-lock-"));
  const path = join(folder, "lock.db");
  const module = new URL("./lock.ts", import.meta.url).href;
  // The sleeping child of the holder lives on, and must not keep the lock.
  const program = `import { lock } from ${JSON.stringify(module)};
    import { spawn } from "node:child_process";
    let held = lock(${JSON.stringify(path)});
    const child = spawn("sleep", ["60"], { stdio: "ignore", detached: true });
    const pid = held === undefined ? "refused" : child.pid;
    held = undefined; // as a caller that means to keep the lock for ever
    gc();
    setTimeout(() => { gc(); console.log(pid); }, 50);
    setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ["--expose-gc", "--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(holder.stdout, "data");
  expect(String(line)).not.toContain("refused");
  expect(lock(path)).toBeUndefined();
  holder.kill("SIGKILL");
  await once(holder, "exit");
  const release = lock(path);
  expect(release).toBeDefined();
  release?.();
  process.kill(Number(String(line)), "SIGKILL");
  rmSync(folder, { recursive: true });
});
