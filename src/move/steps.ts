import { checkMovable } from "./check.ts";
import { awaitCopy, beginCopy, catchUp } from "./copy.ts";
import { copySequences, drainToTarget, endForward, open, prepareReverse, reverse } from "./cutover.ts";
import { fence, fenceReads } from "./fence.ts";
import { type Move, reversed, type StepContext } from "./move.ts";
import { prepareSource } from "./prepare.ts";
import { copySchema, finishSchema } from "./schema.ts";
import { abandon, unfence } from "./undo.ts";
import { vacuumSource } from "./vacuum.ts";
import { verify } from "./verify.ts";

/** One step of a move: looks at the databases first, so it may be run again after a crash at any line. */
export interface MoveStep {
  readonly name: string;
  readonly says: string;
  run(move: Move, context: StepContext): Promise<void>;
  /** Takes the move back to where it was before this step; undefined past the point of no return. */
  readonly undo: ((move: Move, context: StepContext) => Promise<void>) | undefined;
}

const step = (name: string, says: string, run: MoveStep["run"], undo: MoveStep["undo"]): MoveStep => ({
  name,
  says,
  run,
  undo,
});
const nothing = async () => undefined;

/** Copies, and follows. Takes as long as it takes; the source serves as ever. */
export const COPY_STEPS: readonly MoveStep[] = [
  step(
    "check-movable",
    "see whether the database can be moved",
    async (move, context) => void (await checkMovable(move, context)),
    nothing,
  ),
  step("vacuum-source", "let the source be read without writing", vacuumSource, nothing),
  step("prepare-source", "keep all changes for the target", prepareSource, abandon),
  step("copy-schema", "make the schema at the target", copySchema, abandon),
  step("begin-copy", "begin to copy the rows", beginCopy, abandon),
  step("await-copy", "copy the rows", awaitCopy, nothing),
  step("finish-schema", "make indexes and constraints at the target", finishSchema, nothing),
];

/** The cut-over. The pause for writers is from `fence` to `open`, for readers from `fence-reads` to `open`. */
export const CUT_OVER_STEPS: readonly MoveStep[] = [
  step("catch-up", "let the target catch up", (move, context) => catchUp(move, context), nothing),
  step("verify", "compare both copies", verify, nothing),
  step("prepare-reverse", "make the way back ready", prepareReverse, nothing),
  step("fence", "close the source to writers", (move, context) => fence(move, context), unfence),
  step("drain-to-target", "wait for the last changes", drainToTarget, unfence),
  step("copy-sequences", "set sequences", copySequences, unfence),
  step("reverse", "let the source follow the target", reverse, unfence),
  step("fence-reads", "close the source to readers", fenceReads, unfence),
  step("open", "open the target", open, undefined),
  step("end-forward", "end the stream forward", endForward, undefined),
];

/** The whole move, in order. A later {@link dropOld} ends the time in which it can be undone. */
export const MOVE_STEPS: readonly MoveStep[] = [...COPY_STEPS, ...CUT_OVER_STEPS];

/**
 * Goes back to the source after {@link open}, with every write made since: the same cut-over in the other direction, along the
 * stream that kept the source up to date. Afterwards the target follows the source again, until it is dropped
 * (`dropOld(reversed(move))`) or taken again (the cut-over steps once more).
 */
export async function reverseMove(move: Move, context: StepContext): Promise<void> {
  const way = reversed(move);
  for (const { run } of CUT_OVER_STEPS) await run(way, context);
}
