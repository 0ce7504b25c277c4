export { applyStep } from "./apply.ts";
export { type Model, NOTHING } from "./model.ts";
export { undoStep } from "./undo.ts";
