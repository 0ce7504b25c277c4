import { advance, type Position } from "./position.ts";
import { newSessionId } from "./recent.ts";

/** What a client's token says. */
export interface Known {
  /** Names the session, for this process to remember what the client's other requests have seen. */
  readonly id: string | undefined;
  readonly positions: readonly Position[];
}

/** What a session needs to become a token. */
export interface Encoder {
  encode(positions: Iterable<Position>, id: string): string;
  /** Adds to what is known of this session, and gives all of it. */
  remember(id: string, positions: Iterable<Position>): readonly Position[];
}

/**
 * One client's causal history: the furthest log position it has seen in each cluster. It travels in a token that the
 * client holds ({@link sessionCodec}), so any instance can go on with it. Requests that a client makes at the same time
 * are sessions of their own with one id: each leaves with what all of them have seen here so far.
 */
export class Session {
  #positions: Map<string, Position> | undefined;
  #id: string | undefined;
  #load: (() => Known) | undefined;
  #dirty = false;

  /** @param load gives what the session begins with; called when it is first needed, and only once */
  constructor(load?: () => Known) {
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
    if (!advance(known, position)) return;
    this.#dirty = true;
  }

  /** The token to send; the session then counts as known to the client until it learns more. */
  encode(encoder: Encoder): string {
    const positions = this.#known();
    this.#id ??= newSessionId();
    const token = encoder.encode(encoder.remember(this.#id, positions.values()), this.#id);
    this.#dirty = false;
    return token;
  }

  #known(): Map<string, Position> {
    if (this.#positions === undefined) {
      const known = this.#load?.();
      this.#positions = new Map(known?.positions.map((position) => [position.cluster, position]));
      this.#id = known?.id;
      this.#load = undefined;
    }
    return this.#positions;
  }
}
