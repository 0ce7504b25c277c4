import type { Session } from "../session/index.ts";
import type { Replayed } from "./replayed.ts";
import type { StandbyPool } from "./standby-pool.ts";

/** What a {@link Completion} asks of the router. */
export interface CompletionHost {
  /** Asks the primary, waiting for one while there is none, and tells the session. */
  askPrimary(session: Session): Promise<void>;
  /** Standbys that together have all that was ever acknowledged or shown; undefined while that is not sure, or there is a primary to ask. */
  standbys(): readonly StandbyPool[] | undefined;
  /** All that was acknowledged or shown lies below this. */
  told(session: Session, bound: Bound): void;
}

/** How far any client can have seen: a place in the log, and the first transaction that no standby has shown. */
export interface Bound {
  readonly lsn: bigint;
  readonly seen: bigint;
}

/**
 * Finds how far a client may have seen that cannot tell it: the primary knows. While that one is lost, its standbys do, if all of
 * them answer: no commit was acknowledged before one of them had it, and what one of them has shown, it has received.
 */
export class Completion {
  readonly #host: CompletionHost;
  readonly #open = new Set<() => void>();
  #asking: Promise<Bound | undefined> | undefined;

  constructor(host: CompletionHost) {
    this.#host = host;
  }

  complete(session: Session): Promise<void> {
    return new Promise((resolve, reject) => {
      const instead = () => {
        void this.#askStandbys().then((bound) => {
          if (bound === undefined) return;
          this.#host.told(session, bound);
          resolve();
        });
      };
      this.#open.add(instead);
      this.#host
        .askPrimary(session)
        .then(resolve, reject)
        .finally(() => this.#open.delete(instead));
      if (this.#host.standbys() !== undefined) instead();
    });
  }

  /** The primary may never answer. */
  primaryLost(): void {
    for (const instead of this.#open) instead();
  }

  /** Once for all who ask in one turn of the event loop. */
  #askStandbys(): Promise<Bound | undefined> {
    this.#asking ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#asking = undefined;
        resolve(this.#bound());
      });
    });
    return this.#asking;
  }

  async #bound(): Promise<Bound | undefined> {
    const standbys = this.#host.standbys();
    if (standbys === undefined) return undefined;
    const all = await Promise.all(standbys.map((standby) => standby.replayed()));
    const known = all.filter((one): one is Replayed => one?.received !== undefined);
    if (known.length < all.length) return undefined;
    return {
      lsn: known.reduce((most, { received = 0n, lsn }) => max(most, max(received, lsn)), 0n),
      seen: known.reduce((most, { xmax }) => max(most, xmax), 0n),
    };
  }
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
