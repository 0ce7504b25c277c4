import { expect, test } from "vitest";
import { callOf } from "./exchange.ts";
import { type Findings, outcomeOfRow } from "./outcome-rows.ts";
import { ownStatement } from "./statement.ts";

const row = {
  id: "7",
  call: callOf(ownStatement("", "", "write")),
  began: { system: "1", timeline: 2, life: "monday", backend: "100 1.5" },
};
const found = (parts: Partial<{ system: string; timeline: number; there: string[]; ended: string[] }>): Findings => ({
  system: parts.system ?? "1",
  timeline: parts.timeline ?? 2,
  there: new Set(parts.there ?? []),
  ended: new Set(parts.ended ?? []),
});

test.each<[string, Findings, string]>([
  ["the row is there", found({ there: ["6", "7"] }), "committed"],
  ["the row is there, on a later timeline", found({ there: ["7"], timeline: 3 }), "committed"],
  ["it is not there, and its process has ended", found({ there: ["6"], ended: ["100 1.5"] }), "rolled back"],
  ["it is not there, and its process may live", found({ there: ["6"] }), "wait"],
  ["it is not there, and another process has its number now", found({ ended: ["100 1.4"] }), "wait"],
  ["it is not there on a later timeline", found({ timeline: 3 }), "rolled back"],
  ["it is not there on a primary that was replaced", found({ timeline: 1, ended: ["100 1.5"] }), "wait"],
  ["it is another database", found({ system: "2", timeline: 3 }), "wait"],
])("%s", (_, findings, outcome) => {
  expect(outcomeOfRow(row, findings)).toBe(outcome);
});
