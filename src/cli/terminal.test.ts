import { expect, test } from "vitest";
import { counts, wholeNumber } from "./options.ts";
import { bytes, duration, table } from "./terminal.ts";

test("columns are as wide as their widest cell, and lines end without blanks", () => {
  expect(
    table([
      ["A", "LONG", ""],
      ["abc", "x", ""],
    ]),
  ).toBe("A    LONG\nabc  x");
});

test.each([
  [0, "0 ms"],
  [999, "999 ms"],
  [1_234, "1.2 s"],
  [75_000, "1 min 15 s"],
])("%i ms reads %s", (ms, text) => expect(duration(ms)).toBe(text));

test.each([
  [12, "12 B"],
  [1_500, "2 kB"],
  [142_000_000, "142 MB"],
  [2_500_000_000, "2.5 GB"],
])("%i bytes read %s", (n, text) => expect(bytes(n)).toBe(text));

test("counts are read by name", () => {
  expect(counts(["app=4", "workers=0"])).toEqual({ app: 4, workers: 0 });
});

test.each(["app", "app=", "app=0", "app=65", "app=1.5", "apps=2", "app=-1", "=3"])(
  "`%s` is refused as a count",
  (word) => {
    expect(() => counts([word])).toThrow();
  },
);

test.each(["", " ", "x", "1.5", "0", "65536", "1e9"])("`%s` is refused as a port", (text) => {
  expect(() => wholeNumber(1, 65_535)(text)).toThrow();
});
