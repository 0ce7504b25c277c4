import type { AuditResult } from "./audit.ts";
import { PROMISES } from "./ledger/violation.ts";
import type { ReportData, Snapshot } from "./report.ts";

/** The verdict on a finished run. Pure. What is not decided is never taken for kept. */
export function judge(
  snapshot: Snapshot,
  { undecided, why: reason }: Pick<AuditResult, "undecided" | "why">,
  allowFailures: boolean,
): Pick<ReportData, "verdict" | "why"> {
  const { requests, ok, failed, unknown, unsent } = snapshot;
  const broken: string[] = PROMISES.filter((promise) => snapshot[promise] > 0).map(
    (promise) => `${promise} ${snapshot[promise]}`,
  );
  if (requests !== ok + failed + unknown) broken.push("requests do not add up");
  if (!allowFailures && failed + unknown + unsent > 0) {
    broken.push(
      `${failed + unknown + unsent} of ${requests + unsent} requests failed, had no answer or were never sent`,
    );
  }
  const open: string[] = [];
  if (undecided > 0)
    open.push(`${undecided} final reads could not be made${reason === undefined ? "" : ` (${reason})`}`);
  if (ok === 0) open.push("no request succeeded, so there is nothing to judge");
  if (broken.length > 0) return { verdict: "broken", why: [...broken, ...open] };
  return { verdict: open.length > 0 ? "undecided" : "kept", why: open };
}
