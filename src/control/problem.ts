import { TopologyError } from "../topology/parse.ts";
import { NinefoldError, type Problem } from "../topology/problem.ts";
import type { ProblemReport } from "./event.ts";

/** `.ninefold` was written by a newer Ninefold; it is left untouched. */
export class NewerState extends NinefoldError {
  constructor(path: string, found: number, known: number) {
    super("state-newer", {
      at: path,
      says: `this folder's state has format ${found}, and this version of Ninefold knows up to ${known}; nothing was touched`,
      fix: "use the version of Ninefold that wrote it, or a newer one",
    });
  }
}

/** The journal cannot be read. */
export class JournalCorrupt extends NinefoldError {
  constructor(path: string, says: string, options?: ErrorOptions) {
    super(
      "journal-corrupt",
      {
        at: path,
        says: `the journal is damaged (${says}); nothing was touched, and what runs goes on`,
        fix: "run `ninefold doctor --restore-journal`: it keeps the damaged file beside, and makes a new journal from the kept topologies, the releases and what runs",
      },
      options,
    );
  }
}

/** The disk that holds `.ninefold` is full. */
export class DiskFull extends NinefoldError {
  constructor(path: string, options?: ErrorOptions) {
    super(
      "disk-full",
      {
        at: path,
        says: "the disk is full; what runs goes on, and nothing more is changed",
        fix: "free some space and try again; a plan that is under way goes on by itself",
      },
      options,
    );
  }
}

/** Another plan is under way, or one stopped half-way. */
export class PlanUnderWay extends NinefoldError {
  constructor(plan: number, stopped: boolean) {
    super("plan-under-way", {
      at: `plan ${plan}`,
      says: stopped ? "this plan stopped half-way" : "this plan is under way, and one plan runs at a time",
      fix: stopped
        ? "run `ninefold undo` to go back to what ran before"
        : "wait until it is over; `ninefold status` shows it",
    });
  }
}

/** @throws PlanUnderWay where a plan is open */
export function refuseOpen(open: { readonly id: number; readonly state: string } | undefined): void {
  if (open !== undefined) throw new PlanUnderWay(open.id, open.state === "stopped");
}

/** A gate did not open: `says` is what was found. */
export class StepFailed extends NinefoldError {
  /** Further problems that were found at the same time. */
  readonly more: readonly Problem[];
  constructor(
    code: string,
    problem: Problem,
    { more = [], ...options }: ErrorOptions & { more?: readonly Problem[] } = {},
  ) {
    super(code, problem, options);
    this.more = more;
  }
}

/** The service's folder cannot be made a release of. */
export class ReleaseRefused extends NinefoldError {
  constructor(problem: Problem, options?: ErrorOptions) {
    super("release-refused", problem, options);
  }
}

/** A request to the control plane that is malformed or not allowed. */
export class RequestRefused extends NinefoldError {
  readonly status: number;
  constructor(status: number, code: string, problem: Problem) {
    super(code, problem);
    this.status = status;
  }
}

/** There is nothing that the change could apply to. */
export class NothingThere extends NinefoldError {
  constructor(says: string, fix: string) {
    super("nothing-there", { at: "deployment", says, fix });
  }
}

/** Any error in the form that travels; one of ours keeps its words. */
export function reportOf(error: unknown): ProblemReport {
  const full = diskFull(error);
  if (full !== undefined) return reportOf(full);
  if (error instanceof TopologyError) return report(error.code, error.problems[0] ?? error, error.problems.slice(1));
  if (error instanceof NinefoldError) return report(error.code, error, error instanceof StepFailed ? error.more : []);
  const says = error instanceof Error ? error.message : String(error);
  return {
    code: "internal",
    at: "control plane",
    says,
    fix: "see `ninefold logs dc1.control`; this is an error of Ninefold, please report it",
  };
}

function report(code: string, problem: Problem, more: readonly Problem[]): ProblemReport {
  const pick = ({ at, says, fix }: Problem) => ({ at, says, fix });
  return { code, ...pick(problem), ...(more.length > 0 ? { more: more.map(pick) } : {}) };
}

/** {@link DiskFull} if that is what the error, or what caused it, comes down to. */
export function diskFull(error: unknown): DiskFull | undefined {
  if (error instanceof DiskFull) return error;
  for (let cause: unknown = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    const { code, errcode, path } = cause as { code?: unknown; errcode?: unknown; path?: unknown };
    // 13: SQLITE_FULL.
    if (code === "ENOSPC" || code === "EDQUOT" || errcode === 13)
      return new DiskFull(typeof path === "string" ? path : ".ninefold", { cause: error });
  }
  return undefined;
}
