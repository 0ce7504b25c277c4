import { expect, test } from "vitest";
import type { Identity } from "./identity.ts";
import { outcomeOf, type Seen } from "./outcome.ts";

const began: Identity = { system: "1", timeline: 1, life: "monday", backend: "1 1" };
const crashed: Identity = { ...began, life: "tuesday" };
const seen = (identity: Identity | undefined, told: Seen["told"], firstOfLife?: bigint): Seen => ({
  identity,
  told,
  firstOfLife,
});

test.each<[string, Seen, string]>([
  ["the server lived on", seen(began, "committed"), "committed"],
  ["the server lived on", seen(began, "aborted"), "rolled back"],
  ["the server lived on and has not finished", seen(began, "in progress"), "wait"],
  ["the number was never known to it", seen(began, "future"), "rolled back"],
  ["the number is too old", seen(began, undefined), "unknown"],
  ["it crashed, and knew the number when it came back", seen(crashed, "committed", 101n), "committed"],
  ["it crashed, and has given the number to another since", seen(crashed, "committed", 100n), "unknown"],
  ["it crashed, and a checkpoint has wiped the trace", seen(crashed, "committed"), "unknown"],
  ["it crashed and rolled back", seen(crashed, "aborted"), "rolled back"],
  ["it crashed and forgot the number", seen(crashed, "future"), "rolled back"],
  ["another transaction with that number runs now", seen(crashed, "in progress", 100n), "unknown"],
  ["a standby was promoted", seen({ ...began, timeline: 2 }, "committed"), "unknown"],
  ["a standby was promoted", seen({ ...began, timeline: 2 }, "aborted"), "unknown"],
  ["it is another database", seen({ ...began, system: "2" }, "aborted"), "unknown"],
  ["it is a standby", seen(undefined, "committed"), "unknown"],
])("%s", (_, what, outcome) => {
  expect(outcomeOf(began, 100n, what)).toBe(outcome);
});
