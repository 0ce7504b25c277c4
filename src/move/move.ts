import { MoveFailed } from "./problem.ts";
import { type OpenSide, openSide, type Side } from "./side.ts";

/** What a move is about. The same spec finds the same move again after a crash. */
export interface MoveSpec {
  /** Names everything the move makes: 1 to 30 of a-z, 0-9 and _; unique among moves that touch the same clusters. */
  readonly id: string;
  readonly source: Side;
  readonly target: Side;
  /** Absolute path of `pg_dump`, no older than the source's server. */
  readonly pgDump: string;
}

/** A move in hand. Its steps look at the databases to know what is done; it holds nothing but connections. */
export interface Move extends AsyncDisposable {
  readonly id: string;
  /** Where the rows come from: the side that serves before the cut-over. */
  readonly source: OpenSide;
  readonly target: OpenSide;
  readonly pgDump: string;
  /** Schema of the move's own notes, on both sides. */
  readonly schema: string;
  /** true for the way back, from the target of the spec to its source. */
  readonly back: boolean;
}

/** What a step tells while it runs, and how it is told to stop. */
export interface StepContext {
  readonly signal: AbortSignal;
  readonly progress: (progress: Progress) => void;
  /** Free room on the disk that holds the target's data, in bytes; not looked at without it. */
  readonly targetFreeBytes?: () => Promise<number>;
}

export interface Progress {
  readonly says: string;
  /** 0 to 1, where it can be told. */
  readonly done?: number;
  /** Estimate, in milliseconds, from the speed so far. */
  readonly remainingMs?: number;
}

/** Changes flow from the publisher `from` to the subscriber `to`; publication, slot, role and subscription bear this name. */
export interface Flow {
  readonly name: string;
  readonly from: OpenSide;
  readonly to: OpenSide;
}

/** Takes a move in hand; connects when a step first needs it. @throws MoveFailed `move-order` for a bad id */
export function openMove(spec: MoveSpec): Move {
  if (!/^[a-z0-9_]{1,30}$/.test(spec.id)) {
    const says = `"${spec.id}" cannot name a move`;
    throw new MoveFailed("move-order", { at: "move.id", says, fix: "use 1 to 30 of a-z, 0-9 and _" });
  }
  const source = openSide(spec.source, `ninefold move ${spec.id}`);
  const target = openSide(spec.target, `ninefold move ${spec.id}`);
  return {
    id: spec.id,
    source,
    target,
    pgDump: spec.pgDump,
    schema: `ninefold_move_${spec.id}`,
    back: false,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([source.close(), target.close()]);
    },
  };
}

/** The same move the other way round, over the same connections: what is done to the source is then done to the target. */
export function reversed(move: Move): Move {
  return { ...move, source: move.target, target: move.source, back: !move.back };
}

/** The changes from source to target. */
export function stream(move: Move): Flow {
  return { name: `ninefold_move_${move.id}${move.back ? "_back" : ""}`, from: move.source, to: move.target };
}
