import { ControlRefused, ControlUnreachable, WorkLost } from "../control/client.ts";
import type { ProblemReport } from "../control/event.ts";
import { NinefoldError } from "../topology/problem.ts";
import { exit } from "./exit.ts";
import type { Terminal } from "./terminal.ts";

/** A command found a problem that it has to tell and end with. */
export class CommandFailed extends Error {
  readonly report: ProblemReport;
  readonly exitCode: number;

  constructor(report: ProblemReport, exitCode: number = exit.failed) {
    super(report.says);
    this.name = "CommandFailed";
    this.report = report;
    this.exitCode = exitCode;
  }
}

/** The service does not run in this folder. */
export function notRunning(folder: string): CommandFailed {
  const says = "the service is not running here";
  return new CommandFailed(
    { code: "not-running", at: folder, says, fix: "start it with `ninefold up`" },
    exit.notRunning,
  );
}

/** Tells a person what went wrong, where, and what to do next. Gives the exit code. */
export function tell(error: unknown, terminal: Terminal): number {
  const [report, code] = reportOf(error);
  terminal.settle();
  terminal.note(`${terminal.colors.red("error")} ${report.at}: ${report.says}`);
  for (const more of report.more ?? []) terminal.note(`      ${more.at}: ${more.says}. ${more.fix}`);
  terminal.note(`${terminal.colors.green("  fix")} ${report.fix}`);
  return code;
}

function reportOf(error: unknown): readonly [ProblemReport, number] {
  if (error instanceof CommandFailed) return [error.report, error.exitCode];
  if (error instanceof ControlRefused) return [error.report, exit.badInput];
  if (error instanceof ControlUnreachable || error instanceof WorkLost) return [error, exit.failed];
  if (error instanceof NinefoldError) return [error, exit.badInput];
  const says = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return [
    { code: "defect", at: "ninefold", says, fix: "this is a defect of Ninefold: please report it with the text above" },
    exit.failed,
  ];
}
