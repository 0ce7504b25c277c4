import { PROMISES } from "./ledger/violation.ts";
import { KINDS } from "./operation.ts";
import type { FailingHistory, ReportData, Snapshot } from "./report.ts";

const ms = (value: number) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;

/** One line on a run under way. */
export function progressLine(snapshot: Snapshot): string {
  const { phase, elapsedMs, requests, failed, unknown, p99, kinds, audit } = snapshot;
  const broken = PROMISES.filter((promise) => snapshot[promise] > 0).map(
    (promise) => `${promise} ${snapshot[promise]}`,
  );
  const said = broken.length === 0 ? "" : `, ${broken.join(", ")}`;
  const seconds = `${Math.round(elapsedMs / 1000)} s`;
  if (phase === "audit") return `${seconds}: final audit, ${audit.done} of ${audit.total} keys read${said}`;
  const pause = Math.max(...KINDS.map((kind) => kinds[kind].longestPause));
  return `${seconds}: ${requests} requests, ${failed} failed, ${unknown} unknown, p99 ${ms(p99)}, longest pause ${ms(pause)}${said}`;
}

/** The whole report for people. */
export function reportText(report: ReportData): string {
  const { check, url, seed, run, users, rate, requests, ok, failed, unknown, unsent } = report;
  const lines = [
    `${check} at ${url}: ${users} users, ${rate} operations/s for ${(report.elapsedMs / 1000).toFixed(1)} s, seed ${seed}, run ${run}`,
    "",
    `requests ${requests} = ok ${ok} + failed ${failed} + unknown ${unknown}${unsent > 0 ? `; never sent ${unsent}` : ""}`,
    PROMISES.map((promise) => `${promise} ${report[promise]}`).join(", "),
    `final audit: ${report.audited} keys read, ${report.undecided} undecided`,
    "",
    row(["", "requests", "ok", "p50", "p99", "p99.9", "max", "longest pause"]),
    ...KINDS.map((kind) => {
      const { requests: sent, ok: good, p50, p99, p999, max, longestPause } = report.kinds[kind];
      return row([kind, String(sent), String(good), ms(p50), ms(p99), ms(p999), ms(max), ms(longestPause)]);
    }),
  ];
  if (report.reasons.length > 0) {
    lines.push("", "not ok:", ...report.reasons.map(({ reason, count }) => `  ${count} x ${reason}`));
  }
  const [shortest] = report.histories;
  if (shortest !== undefined) lines.push("", ...historyText(shortest));
  lines.push("", `${report.verdict}${report.why.length > 0 ? `: ${report.why.join("; ")}` : ""}`);
  return lines.join("\n");
}

function historyText({ promise, at, says, operations }: FailingHistory): string[] {
  return [
    `shortest failing history (${promise}, ${at}): ${says}`,
    ...operations.map(({ op, session, name, claims, sentMs, finishedMs, outcome, status }) => {
      const when = op === 0 ? "at the end" : `${(sentMs / 1000).toFixed(3)} s to ${(finishedMs / 1000).toFixed(3)} s`;
      const what = [name, ...claims].join(", ");
      return `  ${op === 0 ? "" : `#${op} `}user ${session}: ${what}; ${when}, ${outcome}${status > 0 ? ` ${status}` : ""}`;
    }),
  ];
}

const WIDTHS = [7, 9, 9, 9, 9, 9, 9, 14];

function row(cells: readonly string[]): string {
  return cells.map((cell, i) => (i === 0 ? cell.padEnd(WIDTHS[i] ?? 0) : cell.padStart(WIDTHS[i] ?? 0))).join(" ");
}
