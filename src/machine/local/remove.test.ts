import { existsSync } from "node:fs";
import { link, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { removeAtOnce, removeGently } from "./remove.ts";

let outside: string;
beforeAll(async () => {
  outside = await mkdtemp(join(tmpdir(), "ninefold-remove-"));
});
afterAll(() => rm(outside, { recursive: true }));

test("goes with all that is in it, and leaves alone what it links to", async () => {
  const folder = join(outside, "folder");
  await mkdir(join(folder, "deep", "er"), { recursive: true });
  for (const name of ["kept", "shared"]) {
    await writeFile(join(outside, name), name);
    await truncate(join(outside, name), 40 * 1024 * 1024);
  }
  await symlink(join(outside, "kept"), join(folder, "link"));
  await symlink(outside, join(folder, "deep", "up"));
  await link(join(outside, "shared"), join(folder, "deep", "er", "shared"));
  await writeFile(join(folder, "deep", "er", "large"), "");
  await truncate(join(folder, "deep", "er", "large"), 50 * 1024 * 1024);

  await removeGently(folder);

  expect(existsSync(folder)).toBe(false);
  for (const name of ["kept", "shared"]) {
    expect(await stat(join(outside, name))).toMatchObject({ size: 40 * 1024 * 1024 });
    expect((await readFile(join(outside, name), "utf8")).slice(0, name.length)).toBe(name);
  }
});

test.each([
  ["gently", removeGently],
  ["at once", removeAtOnce],
])("%s, of a link in its place what it leads to is emptied as well", async (_, remove) => {
  const [folder, elsewhere] = [join(outside, "linked"), join(outside, "elsewhere")];
  await mkdir(join(elsewhere, "deep"), { recursive: true });
  await writeFile(join(elsewhere, "deep", "file"), "data");
  await symlink(elsewhere, folder);
  await remove(folder);
  expect(existsSync(folder)).toBe(false);
  expect(await readdir(elsewhere)).toEqual([]);
});

test("does nothing where there is nothing", async () => {
  await removeGently(join(outside, "nothing"));
  await removeAtOnce(join(outside, "nothing"));
});
