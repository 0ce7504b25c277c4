import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { networkOf, releaseNetwork } from "./network.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ninefold-network-"));
});
afterEach(() => rmSync(root, { recursive: true }));

function service(name: string): string {
  mkdirSync(join(root, name, ".ninefold"), { recursive: true });
  return join(root, name);
}

test("each deployment keeps a network of its own until it is removed", () => {
  const register = join(root, "register");
  const folders = Array.from({ length: 255 }, (_, n) => service(`s${n}`));
  const numbers = folders.map((folder) => networkOf(folder, register));
  expect(new Set(numbers).size).toBe(255);
  expect(folders.map((folder) => networkOf(folder, register))).toEqual(numbers);

  expect(() => networkOf(service("late"), register)).toThrow("all 255 networks");
  releaseNetwork(join(root, "s7"), register);
  expect(networkOf(service("late"), register)).toBe(numbers[7]);
  rmSync(join(root, "s8"), { recursive: true });
  expect(networkOf(service("later"), register)).toBe(numbers[8]);
});

test("a number that somebody else was given after the register was lost is not used again", () => {
  const register = join(root, "register");
  const [one, other] = [service("one"), service("other")];
  const number = networkOf(one, register);
  writeFileSync(join(other, ".ninefold", "network"), String(number));
  writeFileSync(join(register, String(number)), other);
  expect(networkOf(one, register)).not.toBe(number);
  expect(networkOf(other, register)).toBe(number);
});
