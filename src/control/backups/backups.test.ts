import { expect, test } from "vitest";
import { parseTopology } from "../../topology/parse.ts";
import { backedUp } from "./cluster.ts";
import { rangeOf } from "./range.ts";

test("at rung 1, and where nothing runs, backups are refused with what can be done", () => {
  const unused = undefined as never;
  const parts = { machine: unused, places: unused, paths: unused };
  const situation = { topology: parseTopology({}), release: 1, running: true };
  expect(() => backedUp(situation, parts)).toThrow("climb --to 2");
  expect(() => backedUp({ ...situation, running: false }, parts)).toThrow("ninefold up");
});

test.each([
  ["no backup", [], { state: "on" }, {}],
  ["archiving", [5_000, 9_000], { state: "on" }, { earliest: 6_000, latest: 60_000 }],
  ["archiving that fails", [5_000, 9_000], { state: "failing", until: 30_000 }, { earliest: 6_000, latest: 30_000 }],
  [
    "archiving that was given up before the last backup",
    [5_000, 9_000],
    { state: "off" },
    { earliest: 6_000, latest: 10_000 },
  ],
] as const)("the times that can be restored with %s", (_, ended, archiving, range) => {
  const backups = ended.map((finishedAt) => ({ finishedAt }));
  expect(rangeOf(backups, archiving, 60_000)).toEqual(range);
});
