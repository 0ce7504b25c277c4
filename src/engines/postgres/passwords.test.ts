import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { BadPasswords, databasePasswords } from "./passwords.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ninefold-passwords-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("passwords are made once, also when several make them at once, and are for their owner only", async () => {
  const path = join(folder, "secrets", "database.json");
  const all = await Promise.all(Array.from({ length: 8 }, () => databasePasswords(path)));
  const later = await databasePasswords(path);
  for (const one of all) expect(one).toEqual(later);
  expect(new Set(Object.values(later)).size).toBe(3);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(join(folder, "secrets"))).toEqual(["database.json"]);
});

test("a damaged file is refused, not replaced: the database knows no other passwords", async () => {
  const path = join(folder, "database.json");
  for (const text of ["", "{", "{}", '{"postgres":"short"}']) {
    writeFileSync(path, text);
    await expect(databasePasswords(path)).rejects.toThrow(BadPasswords);
  }
});
