import type { Problem } from "../topology/problem.ts";
import type { CheckConfig } from "./options.ts";
import type { ReportData, Snapshot } from "./report.ts";

/** Lines of JSON that a check process reads from its standard input. The first is always `start`. */
export type ToCheck =
  | { readonly type: "start"; readonly config: CheckConfig }
  | { readonly type: "snapshot" }
  | { readonly type: "finish"; readonly after: number }
  | { readonly type: "stop" };

/** Lines of JSON that it writes to its standard output. */
export type FromCheck =
  | { readonly type: "started" }
  | { readonly type: "snapshot"; readonly snapshot: Snapshot }
  | { readonly type: "report"; readonly report: ReportData }
  | { readonly type: "stopped" }
  | { readonly type: "error"; readonly code: string; readonly problem: Problem };
