export { type Bench, type BenchOptions, type BenchResult, type BenchRun, openBench } from "./bench.ts";
export {
  type Check,
  type CheckDefinition,
  defineCheck,
  type Operation,
  type Plan,
  type Request,
  type Run,
  type User,
  type Visitor,
} from "./definition.ts";
export { CheckFileError, CheckSetupError } from "./errors.ts";
export {
  type AppendList,
  type Audit,
  appendList,
  type Claim,
  type Effects,
  effects,
  type MemberSet,
  memberSet,
  type Part,
  type Receivers,
  type Register,
  register,
  type Sight,
} from "./model.ts";
export type { Kind, Outcome } from "./operation.ts";
export type { CheckConfig } from "./options.ts";
export { type CheckProcess, runCheckProcess, startCheckProcess } from "./process.ts";
export type { Random } from "./random.ts";
export type { FailingHistory, HistoryLine, Report, ReportData, Snapshot } from "./report.ts";
export { progressLine, reportText } from "./report-text.ts";
export { type RunHooks, runCheck } from "./run.ts";
export { type RunningCheck, type StartOptions, startCheck } from "./start.ts";
