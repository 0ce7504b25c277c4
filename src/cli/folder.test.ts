import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { NoService, serviceFolder } from "./folder.ts";
import { nameFrom } from "./init.ts";

const root = mkdtempSync(join(tmpdir(), "ninefold-folder-"));
const service = join(root, "shop");
mkdirSync(join(service, "deep", "er"), { recursive: true });
writeFileSync(join(service, "service.ts"), "");
afterAll(() => rmSync(root, { recursive: true }));

test("the service is found from any folder inside it", () => {
  expect(serviceFolder(undefined, join(service, "deep", "er"))).toBe(service);
});

test("a folder that is named is taken as it is", () => {
  expect(serviceFolder("shop", root)).toBe(service);
  expect(() => serviceFolder("shop/deep", root)).toThrow(NoService);
});

test("without a service the error says how to make one", () => {
  expect(() => serviceFolder(undefined, root)).toThrow(/ninefold init/);
});

test.each([
  ["My Shop", "my-shop"],
  ["2fast", "fast"],
  ["--", "service"],
  ["a".repeat(60), "a".repeat(40)],
])("a folder named `%s` gives the name %s", (folder, name) => expect(nameFrom(folder)).toBe(name));
