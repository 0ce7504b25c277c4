import { expect } from "vitest";
import type { Report } from "../../src/check/index.ts";
import type { Members } from "./members.ts";
import type { System } from "./system.ts";
import { until } from "./until.ts";
import { expectKept } from "./verdict.ts";

/** What may not fail meanwhile; broken promises never may. */
export interface UnderFault {
  readonly reads: "all" | "some";
  readonly writes?: "all";
}

/** Traffic beside a fault of the database; ends a while after all members are well again. */
export async function underFault(
  system: System,
  members: Members,
  fault: () => Promise<void>,
  { reads, writes }: UnderFault,
): Promise<Report> {
  await using traffic = await system.check({ allowFailures: true });
  await traffic.report();
  await fault();
  await until("all members are well", members.whole, 60_000);
  const report = await traffic.finish({ after: 2_000 });
  expectKept(report, { failures: true });
  const { read, write } = report.kinds;
  console.log(`longest pause: read ${read.longestPause} ms, write ${write.longestPause} ms`);
  if (reads === "all") expect(read.requests - read.ok).toBe(0);
  if (writes === "all") expect(report.requests - report.ok).toBe(0);
  return report;
}
