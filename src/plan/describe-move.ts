import type { Descriptions } from "./description.ts";
import type { MoveRef } from "./step.ts";

type MoveStep =
  | "make-cluster"
  | "check-move"
  | "copy-schema"
  | "copy-rows"
  | "finish-copy"
  | "verify-copy"
  | "cut-over"
  | "drop-copy";

const between = ({ source, target }: MoveRef) => `${source.instance} to ${target.instance}`;
const KEPT = "the copy is removed; the source is as it was";

export const MOVE: Descriptions<MoveStep> = {
  "make-cluster": ({ instance, kind }) => ({
    says: `create PostgreSQL ${instance}${kind === "patroni" ? " under Patroni" : ""}, empty, with the service's roles`,
    expectedMs: 5_000,
    gate: "it lets us sign in",
    undo: "remove it",
  }),
  "check-move": (move) => ({
    says: `look whether everything can be moved from ${between(move)}`,
    expectedMs: 200,
    gate: "nothing was found that logical replication would leave behind, and the target has room",
    undo: "nothing to undo",
  }),
  "copy-schema": (move) => ({
    says: `vacuum what was written of late, and create the tables of ${between(move)}`,
    expectedMs: 1_500,
    gate: "every table and its primary key is there",
    undo: KEPT,
  }),
  "copy-rows": (move) => ({
    says: `copy the rows from ${between(move)}, and follow what changes`,
    expectedMs: 5_000,
    gate: "each table is copied and follows its source",
    undo: KEPT,
  }),
  "finish-copy": ({ target }) => ({
    says: `build the indexes and constraints of ${target.instance}`,
    expectedMs: 1_000,
    gate: "they are all there, and the copy has caught up",
    undo: KEPT,
  }),
  "verify-copy": (move) => ({
    says: `compare the rows of ${between(move)} by checksums`,
    expectedMs: 2_000,
    gate: "no range of keys differs",
    undo: "nothing to undo",
  }),
  "cut-over": ({ source, target, forward }) => ({
    risk: "pause",
    says: `let ${(forward ? target : source).instance} serve in the place of ${(forward ? source : target).instance}, which follows it from then on`,
    expectedMs: 500,
    gate: "every write is in the new place, and the service uses it; statements wait meanwhile",
    undo: "let the other serve again, with every write made since",
  }),
  "drop-copy": ({ source, target, drops }) => ({
    pointOfNoReturn: true,
    says: `end the following and remove ${(drops === "source" ? source : target).instance}`,
    expectedMs: 1_000,
    gate: "no slot, publication or subscription is left, and its data is gone",
    undo: "impossible; a later move copies anew",
  }),
};
