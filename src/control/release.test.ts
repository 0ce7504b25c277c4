import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type StatePaths, statePaths } from "./paths.ts";
import { makeRelease, releaseEnvironment, releaseFolder, releasesOnDisk } from "./release.ts";

let folder: string;
let paths: StatePaths;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ninefold-release-"));
  paths = statePaths(folder);
  await mkdir(paths.releases, { recursive: true });
  await writeFile(join(folder, "service.ts"), "export default 1;");
});
afterEach(() => rm(folder, { recursive: true }));

test("a release holds the code without what is no code", async () => {
  for (const name of ["node_modules", ".git", "src", "src/node_modules"]) {
    await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(folder, name, "file"), name);
  }
  await makeRelease(folder, paths, 1, "folder");
  const made = releaseFolder(paths, 1);
  expect(readFileSync(join(made, "src/file"), "utf8")).toBe("src");
  for (const name of ["node_modules", ".git", ".ninefold", "src/node_modules"])
    expect(existsSync(join(made, name))).toBe(false);
});

test("a release stays as it was when the code changes, and is never made twice", async () => {
  await makeRelease(folder, paths, 1, "folder");
  await writeFile(join(folder, "service.ts"), "export default 2;");
  await makeRelease(folder, paths, 1, "folder");
  await makeRelease(folder, paths, 2, 1);
  for (const release of [1, 2]) {
    expect(readFileSync(join(releaseFolder(paths, release), "service.ts"), "utf8")).toBe("export default 1;");
  }
});

test("what a killed copy left behind is no release, and the next one replaces it", async () => {
  await mkdir(`${releaseFolder(paths, 1)}.new`);
  await writeFile(join(`${releaseFolder(paths, 1)}.new`, "half"), "");
  expect(await releasesOnDisk(paths)).toEqual([]);
  await makeRelease(folder, paths, 1, "folder");
  expect(existsSync(join(releaseFolder(paths, 1), "half"))).toBe(false);
});

test("links lead to the same place as before", async () => {
  await symlink("service.ts", join(folder, "inside"));
  await symlink(join("..", "outside"), join(folder, "out"));
  await makeRelease(folder, paths, 1, "folder");
  expect(readlinkSync(join(releaseFolder(paths, 1), "inside"))).toBe("service.ts");
  expect(readlinkSync(join(releaseFolder(paths, 1), "out"))).toBe(join(tmpdir(), "outside"));
});

test("a folder that is too large is refused with the names of its largest parts", async () => {
  await mkdir(join(folder, "uploads"));
  await writeFile(join(folder, "uploads", "film"), Buffer.alloc(5_000));
  const made = makeRelease(folder, paths, 1, "folder", { bytes: 4_000, files: 100 });
  await expect(made).rejects.toThrow(/largest are uploads/);
  expect(existsSync(releaseFolder(paths, 1))).toBe(false);
});

test("a folder without a service is refused", async () => {
  await rm(join(folder, "service.ts"));
  await expect(makeRelease(folder, paths, 1, "folder")).rejects.toThrow(/there is no `service.ts`/);
});

test("the environment comes from the release's own .env file", async () => {
  await writeFile(join(folder, ".env"), "SMTP_URL='smtp://localhost'\nNODE_ENV=test\n");
  expect(await releaseEnvironment(folder)).toMatchObject({ SMTP_URL: "smtp://localhost", NODE_ENV: "test" });
  await rm(join(folder, ".env"));
  expect(await releaseEnvironment(folder)).toMatchObject({ NODE_ENV: "production" });
});
