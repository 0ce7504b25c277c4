import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { loadCheck } from "../../src/check/file.ts";

test("Conduit's check file is usable, and a third of its operations write", async () => {
  const { definition } = await loadCheck(fileURLToPath(new URL("./check.ts", import.meta.url)));
  const operations = Object.values(definition.operations);
  const sum = (list: typeof operations) => list.reduce((total, { weight }) => total + weight, 0);
  const share = sum(operations.filter(({ kind }) => kind !== "read")) / sum(operations);
  expect(share).toBeGreaterThan(0.3);
  expect(share).toBeLessThan(0.37);
  expect(definition.model.map(({ kind }) => kind)).toEqual(
    expect.arrayContaining(["list", "register", "set", "effects"]),
  );
});
