import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { spawnRecorded } from "./spawn.ts";

const folder = mkdtempSync(join(tmpdir(), "ninefold-spawn-"));
afterAll(() => rmSync(folder, { recursive: true }));

const command = (script: string) => ({
  file: "sh",
  args: ["-c", script, "with 'quotes' and $(dollars)"],
  env: {},
  cwd: folder,
  user: "self" as const,
  stop: { signal: "SIGTERM" as const, withinMs: 0 },
});
const options = { name: "dc1.app.1", log: join(folder, "log"), user: undefined, socket: undefined };

test("nothing of the command happens before it is on record", async () => {
  const recorded = Promise.withResolvers<number>();
  const child = spawnRecorded(command("echo begun > begun; echo $$ $0"), {
    ...options,
    record: ({ pid }) => {
      // Blocks, so that a command that did not wait would have begun by now.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
      expect(existsSync(join(folder, "begun"))).toBe(false);
      recorded.resolve(pid);
    },
  });
  await once(child, "exit");
  expect(readFileSync(options.log, "utf8")).toBe(`${await recorded.promise} with 'quotes' and $(dollars)\n`);
});

test("a command that could not be recorded is never run", async () => {
  const failing = () =>
    spawnRecorded(command("echo begun > unrecorded"), {
      ...options,
      record: () => {
        throw new Error("the disk is full");
      },
    });
  expect(failing).toThrow("the disk is full");
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(existsSync(join(folder, "unrecorded"))).toBe(false);
});
