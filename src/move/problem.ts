import { NinefoldError, type Problem } from "../topology/problem.ts";

/** The database cannot be moved as it is. Nothing was changed. `problems` names each reason and what to do about it. */
export class MoveRefused extends NinefoldError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const [first] = problems;
    const more = problems.length > 1 ? `, and ${problems.length - 1} more` : "";
    super("move-refused", {
      at: first?.at ?? "move",
      says: `${first?.says ?? "it cannot be moved"}${more}`,
      fix: first?.fix ?? "see the problems",
    });
    this.problems = problems;
  }
}

/** A step of a move did not come to its end. The source serves as before, or is told to; the step may be run again. */
export class MoveFailed extends NinefoldError {
  constructor(code: MoveFailure, problem: Problem, options?: ErrorOptions) {
    super(code, problem, options);
  }
}

/**
 * - `move-unreachable`: one of the databases cannot be reached or refuses us.
 * - `move-schema`: the schema could not be read or made.
 * - `move-copy-stopped`, `move-stream-lost`: rows no longer arrive, and will not by waiting.
 * - `move-disk-full`: the target's disk has no room for them.
 * - `move-late`: something did not happen in the time it was given.
 * - `move-differs`: the two copies are not equal.
 * - `move-order`: the step's turn has not come, or is over, such as going back after the target was opened.
 */
export type MoveFailure =
  | "move-unreachable"
  | "move-schema"
  | "move-copy-stopped"
  | "move-stream-lost"
  | "move-disk-full"
  | "move-late"
  | "move-differs"
  | "move-order";

/** A range of rows that is not the same in both copies. */
export interface Difference {
  readonly table: string;
  /** First and last key of the range, as SQL shows them; absent for a table without a key. */
  readonly range?: { readonly from: string; readonly to: string };
  /** Rows at the source and at the target. */
  readonly rows: readonly [number, number];
}

/** The copies are not equal, so the target must not be opened. The source goes on serving. */
export class MoveDiffers extends MoveFailed {
  readonly differences: readonly Difference[];

  constructor(target: string, differences: readonly Difference[]) {
    const [first] = differences;
    const keys = first?.range === undefined ? "" : `, keys ${first.range.from} to ${first.range.to}`;
    const rows = first === undefined ? "" : ` (${first.rows[0]} rows at the source, ${first.rows[1]} at the target)`;
    const more = differences.length > 1 ? `, and ${differences.length - 1} more ranges` : "";
    super("move-differs", {
      at: target,
      says: `${first?.table}${keys} is not as at the source${rows}${more}`,
      fix: "find out who wrote to the target, then undo the move and start it again",
    });
    this.differences = differences;
  }
}
