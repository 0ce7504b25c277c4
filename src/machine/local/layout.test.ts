import { lstatSync, mkdtempSync, readlinkSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { layoutOf } from "./layout.ts";
import { MachineFolderUnusable } from "./problem.ts";
import { engineUser } from "./user.ts";

const root = engineUser() !== undefined;
let folder: string;
let made: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ninefold-layout-"));
  made = [folder];
});
afterEach(() => {
  for (const path of made) rmSync(path, { recursive: true, force: true });
});

function layout() {
  const found = layoutOf(folder);
  made.push(found.sockets);
  if (lstatSync(join(folder, ".ninefold/instances")).isSymbolicLink()) made.push(dirname(found.instances));
  return found;
}

test("one folder has one layout, whichever shell asks and also after its sockets were cleared away", () => {
  const first = layout();
  const before = process.env.TMPDIR;
  process.env.TMPDIR = folder;
  try {
    rmSync(first.sockets, { recursive: true });
    expect(layout()).toEqual(first);
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
  expect(statSync(first.sockets).isDirectory()).toBe(true);
});

test("two folders never share anything, even at the same path one after the other", () => {
  const first = layout();
  rmSync(join(folder, ".ninefold"), { recursive: true });
  const second = layout();
  expect(second.sockets).not.toBe(first.sockets);
  if (root) expect(second.instances).not.toBe(first.instances);
});

test("the path of the longest socket fits into a socket address", () => {
  const { sockets, agentSocket } = layout();
  expect(Buffer.byteLength(join(sockets, "dc1.worker.1000@10000", ".s.PGSQL.65535"))).toBeLessThanOrEqual(103);
  expect(statSync(dirname(agentSocket)).mode & 0o777).toBe(0o700);
});

test.runIf(root)("as root, the engines' user can enter its folder wherever the service lies", () => {
  const { instances, sockets } = layout();
  expect(statSync(folder).mode & 0o777).toBe(0o700); // as mkdtemp makes it: others cannot enter
  for (let path = instances; path !== "/"; path = dirname(path)) expect(statSync(path).mode & 0o001, path).toBe(1);
  for (let path = sockets; path !== "/"; path = dirname(path)) expect(statSync(path).mode & 0o001, path).toBe(1);
});

test("a link or a folder that another user put in place of ours is refused", () => {
  const { sockets } = layout();
  rmSync(sockets, { recursive: true });
  symlinkSync(folder, sockets);
  expect(() => layoutOf(folder)).toThrow(MachineFolderUnusable);
  expect(readlinkSync(join(folder, ".ninefold/sockets"))).toBe(sockets);
});
