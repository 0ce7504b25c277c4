import { expect, test } from "vitest";
import { affordableConnections } from "./descriptors.ts";

const limits = (hard: string) => `Limit                     Soft Limit           Hard Limit           Units
Max processes             96351                96351                processes
Max open files            1024                 ${hard}                files
`;

test.each([
  ["1048576", 10_000, 10_000],
  ["20000", 10_000, 8_750],
  ["unlimited", 10_000, 10_000],
  ["1024", 10_000, 1],
])("with a hard limit of %s descriptors, %d connections become %d", (hard, wanted, taken) => {
  expect(affordableConnections(wanted, () => limits(hard))).toBe(taken);
});

test("a system that does not tell forbids nothing", () => {
  expect(affordableConnections(500, () => "")).toBe(500);
});
