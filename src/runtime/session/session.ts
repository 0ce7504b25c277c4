import { isAfter, type Position } from "./position.ts";

/**
 * One client's causal history: the furthest log position it has seen in each cluster. It travels in a token that the
 * client holds ({@link sessionCodec}), so any instance can go on with it.
 */
export class Session {
  #positions: Map<string, Position> | undefined;
  #load: (() => readonly Position[]) | undefined;
  #dirty = false;

  /** @param load gives the positions the session begins with; called when they are first needed, and only once */
  constructor(load?: () => readonly Position[]) {
    this.#load = load;
  }

  /** True once the session knows more than the client's token says: it must be encoded and sent again. */
  get dirty(): boolean {
    return this.#dirty;
  }

  /** The furthest position in each cluster. */
  get positions(): ReadonlyMap<string, Position> {
    return this.#known();
  }

  /** Adds a position that the client has seen. Positions only move forward; an older one changes nothing. */
  merge(position: Position): void {
    const known = this.#known();
    const before = known.get(position.cluster);
    if (before !== undefined && !isAfter(position, before)) return;
    // A server that was moved away from and back to is known by the latest of its epochs.
    const since = before?.system === position.system ? Math.max(before.epoch, position.epoch) : position.epoch;
    known.set(position.cluster, { ...position, epoch: since });
    this.#dirty = true;
  }

  /** The token to send; the session then counts as known to the client until it learns more. */
  encode(codec: { encode(positions: Iterable<Position>): string }): string {
    const token = codec.encode(this.#known().values());
    this.#dirty = false;
    return token;
  }

  #known(): Map<string, Position> {
    if (this.#positions === undefined) {
      this.#positions = new Map(this.#load?.().map((position) => [position.cluster, position]));
      this.#load = undefined;
    }
    return this.#positions;
  }
}
