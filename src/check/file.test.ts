import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { CheckDefinition } from "./definition.ts";
import { loadCheck, validateCheck } from "./file.ts";
import { defineCheck, startCheck } from "./index.ts";
import { notebookCheck } from "./testing/notebook.ts";

const folder = await mkdtemp(join(tmpdir(), "ninefold-check-"));
afterAll(() => rm(folder, { recursive: true }));

const altered = (change: Partial<Record<keyof CheckDefinition<unknown, unknown>, unknown>>) =>
  defineCheck({ ...notebookCheck.definition, ...change } as CheckDefinition<unknown, unknown>);
const operation = { kind: "read", weight: 1, plan: () => undefined };

test.each([
  [{ name: "" }, "check.ts name"],
  [{ world: null }, "check.ts world: world must be a function"],
  [{ users: {} }, "check.ts users.enter: users.enter must be a function"],
  [
    {
      model: [
        { kind: "list", name: "a" },
        { kind: "set", name: "a" },
      ],
    },
    "two parts have the same name",
  ],
  [{ model: [{ kind: "tree", name: "a" }] }, "check.ts model.0.kind"],
  [{ operations: {} }, "at least one operation"],
  [{ operations: { look: { ...operation, weight: 0 } } }, "check.ts operations.look.weight"],
  [{ operations: { look: { ...operation, kind: "peek" } } }, "check.ts operations.look.kind"],
  [{ operations: { look: { ...operation, wieght: 2 } } }, "wieght"],
])("a definition that is wrong is refused with its place: %j", (change, says) => {
  expect(() => validateCheck(altered(change), "check.ts")).toThrow(says);
});

test("a sound definition is taken as it is", () => {
  expect(validateCheck(notebookCheck, "check.ts")).toBe(notebookCheck);
});

test.each([
  ["missing.ts", undefined, "there is no such file"],
  ["syntax.ts", "export default {{", "it does not load"],
  ["throws.ts", "throw new Error('not today')", "not today"],
  ["other.ts", "export default 7", "not made by defineCheck"],
])("%s is refused", async (name, text, says) => {
  const path = join(folder, name);
  if (text !== undefined) await writeFile(path, text);
  await expect(loadCheck(path)).rejects.toMatchObject({ code: "check-file", message: expect.stringContaining(says) });
});

test.each([
  [{ url: "localhost" }, "url"],
  [{ url: "ftp://localhost" }, "url"],
  [{ rate: 0 }, "rate"],
  [{ users: 0 }, "users"],
  [{ seed: -1 }, "seed"],
])("an option that is wrong is refused: %j", async (options, says) => {
  const start = startCheck({ definition: notebookCheck, url: "http://127.0.0.1:1", ...options });
  await expect(start).rejects.toMatchObject({ code: "check-file", message: expect.stringContaining(says) });
});
