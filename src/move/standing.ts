import { follows, handedOver } from "./cutover.ts";
import { type Fenced, fenced } from "./fence.ts";
import { type Move, stream } from "./move.ts";
import { hasNotes } from "./notes.ts";

/** How far a move has come, as the databases tell it. */
export interface Standing {
  /** The source holds notes of the move: it began there, and was neither abandoned nor dropped. */
  readonly began: boolean;
  /** The target has the schema, so rows may flow. */
  readonly schema: boolean;
  readonly following: boolean;
  /** Whom each side keeps out. */
  readonly source: Fenced;
  readonly target: Fenced;
  /** The source follows the target. */
  readonly handedOver: boolean;
}

/** Looks at both sides. @throws MoveFailed `move-unreachable` */
export async function standing(move: Move): Promise<Standing> {
  const { source, target, schema } = move;
  return {
    began: await hasNotes(source, schema),
    schema: await hasNotes(target, schema),
    following: await follows(stream(move)),
    source: await fenced(source),
    target: await fenced(target),
    handedOver: await handedOver(move),
  };
}
