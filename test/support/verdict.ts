import { expect } from "vitest";
import type { Report } from "../../src/check/index.ts";

/** Every promise of the check was kept. On failure the reasons and the shortest failing history are shown. */
export function expectKept(report: Report, except: { failures?: boolean } = {}): void {
  const { lost, duplicated, stale, failed } = report;
  const { verdict, why, reasons } = report;
  const histories = report.histories.slice(0, 1);
  const found = JSON.stringify({ why, reasons, histories }, undefined, 1);
  expect({ lost, duplicated, stale, failed: except.failures === true ? 0 : failed, verdict }, found).toMatchObject({
    lost: 0,
    duplicated: 0,
    stale: 0,
    failed: 0,
    verdict: "kept",
  });
}
