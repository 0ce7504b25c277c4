import { expect, test } from "vitest";
import { knownJobs } from "./definition.ts";
import { latestTick } from "./schedule.ts";

const at = (text: string) => Date.parse(`2026-03-01T${text}Z`);
const match = (schedule: string) => {
  const parsed = knownJobs({ job: { run: async () => {}, schedule } }).get("job")?.schedule;
  if (parsed === undefined) throw new Error("no schedule");
  return parsed;
};

test.each([
  ["* * * * *", "10:00:00", "10:00:59", undefined],
  ["* * * * *", "10:00:00", "10:01:00", "10:01:00"],
  ["* * * * *", "10:00:00", "10:04:30", "10:04:00"],
  ["*/5 * * * *", "10:00:00", "10:04:30", undefined],
  ["*/5 * * * *", "10:00:00", "10:06:00", "10:05:00"],
  ["30 10 * * *", "09:00:00", "10:39:59", "10:30:00"],
  ["30 10 * * *", "09:00:00", "10:41:00", undefined],
  ["0 0 1 3 0", "00:00:00", "00:00:30", undefined],
])("%s, last run at %s, is due at %s: %s", (schedule, last, now, due) => {
  expect(latestTick(match(schedule), at(last), at(now))).toBe(due === undefined ? undefined : at(due));
});

test("the fields are those of UTC, whatever the machine's time zone", () => {
  const before = process.env.TZ;
  process.env.TZ = "Asia/Kathmandu";
  try {
    expect(latestTick(match("0 12 1 3 0"), at("11:59:00"), at("12:00:01"))).toBe(at("12:00:00"));
  } finally {
    if (before === undefined) delete process.env.TZ;
    else process.env.TZ = before;
  }
});

test.each([
  ["schedule", { schedule: "61 * * * *" }],
  ["schedule", { schedule: "every minute" }],
  ["attempts", { attempts: 0 }],
  ["attempts", { attempts: 101 }],
  ["concurrency", { concurrency: 1.5 }],
  ["backoff.initialMs", { backoff: { initialMs: -1 } }],
  ["backoff.maxMs", { backoff: { initialMs: 10, maxMs: 5 } }],
])("a definition with a wrong %s is refused by name", (field, wrong) => {
  const definitions = { mail: { run: async () => {}, ...wrong } };
  expect(() => knownJobs(definitions)).toThrow(
    expect.objectContaining({ code: "bad-job-definition", at: `jobs.mail.${field}` }),
  );
});
