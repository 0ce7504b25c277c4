export { checkMovable } from "./check.ts";
export { catchUp } from "./copy.ts";
export { isOpen } from "./cutover.ts";
export { fenced } from "./fence.ts";
export { type Move, openMove, type Progress, reversed } from "./move.ts";
export type { Side } from "./side.ts";
export { COPY_STEPS, CUT_OVER_STEPS } from "./steps.ts";
export { abandon, dropOld, unfence } from "./undo.ts";
export { verify } from "./verify.ts";
