import {
  appendFileSync,
  closeSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openLog } from "./files.ts";
import { rotate } from "./log.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ninefold-log-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("a log that is too long is set aside while its writer goes on, and the disk holds four at most", () => {
  const log = join(folder, "log");
  const fd = openLog(log);
  for (let round = 1; round <= 6; round += 1) {
    writeSync(fd, `round ${round} ${"x".repeat(100)}\n`);
    expect(rotate(log, 100)).toBe(true);
  }
  writeSync(fd, "short\n");
  expect(rotate(log, 100)).toBe(false);
  closeSync(fd);
  expect(readFileSync(log, "utf8")).toBe("short\n");
  expect(readdirSync(folder).sort()).toEqual(["log", "log.1", "log.2", "log.3"]);
  expect(readFileSync(`${log}.1`, "utf8")).toContain("round 6");
  expect(readFileSync(`${log}.3`, "utf8")).toContain("round 4");
});

test("a log that is a link is not written through: the link may lead out of the engine's folder", () => {
  const log = join(folder, "log");
  appendFileSync(join(folder, "victim"), "");
  symlinkSync(join(folder, "victim"), log);
  expect(() => openLog(log)).toThrow(/ELOOP/);
});
