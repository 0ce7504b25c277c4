import { advance, type Position } from "./position.ts";
import { newSessionId } from "./recent.ts";

/** What a client's token says. */
export interface Known {
  /** Names the session, for this process to remember what the client's other requests have seen. */
  readonly id: string | undefined;
  readonly positions: readonly Position[];
  /** True when that may be less than the client has seen, because it did not bring what it was given. */
  readonly incomplete?: boolean;
  /** True when it must also find what was committed since, all of which the primary shows. */
  readonly behind?: boolean;
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
  #incomplete = false;
  #behind = false;
  #cutOff = false;
  /** Clusters of which it was asked, for a session that cannot tell, how far all that was written has come. */
  readonly #asked = new Set<string>();

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

  /**
   * Whether the client may have seen more of a cluster than the session knows: a client with credentials but without a
   * token. What it reads must then contain all that was written before it asked.
   */
  isIncomplete(cluster: string): boolean {
    this.#known();
    return this.#incomplete && !this.#asked.has(cluster);
  }

  /** Whether it must be asked how far all that was written has come before a read may go to a standby of a cluster. */
  isBehind(cluster: string): boolean {
    this.#known();
    return (this.#incomplete || this.#behind) && !this.#asked.has(cluster);
  }

  /** Adds how far all that was written has come, whoever wrote it: no client can have seen more of that cluster. */
  complete(position: Position): void {
    this.#asked.add(position.cluster);
    this.merge(position);
  }

  /** All transactions of a cluster below this number that it may have seen are visible on the primary by now. */
  settle(cluster: string, below: bigint): void {
    const before = this.#known().get(cluster);
    if (before?.seen === undefined || before.seen > below) return;
    const { seen: _, ...position } = before;
    this.#known().set(cluster, position);
  }

  /** A failover may have lost what the session has seen last. It goes on from `position`, and the client is told. */
  cutOff(position: Position): void {
    this.#known().set(position.cluster, position);
    this.#cutOff = true;
    this.#dirty = true;
  }

  /** True once a failover may have lost what this session has seen. */
  get wasCutOff(): boolean {
    return this.#cutOff;
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
      this.#incomplete = known?.incomplete ?? false;
      this.#behind = known?.behind ?? false;
      this.#load = undefined;
    }
    return this.#positions;
  }
}
