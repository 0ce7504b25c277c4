import type { DatabaseAddress } from "../../topology/endpoints.ts";
import type { Identity } from "./identity.ts";
import type { Link } from "./link.ts";

/** A connection that is signed in, and the server that it leads to. */
export interface Opened {
  readonly link: Link;
  readonly identity: Identity;
}

export interface SparesOptions {
  /** Signs in; tells `onLost` when the connection breaks later. */
  readonly open: (address: DatabaseAddress, onLost: (link: Link) => void) => Promise<Opened>;
  /** Resolves after a pause that leaves the server to others for a while. */
  readonly breathe: (tookMs: number) => Promise<void>;
  /** Resolves after a pause that grows with the tries. */
  readonly pause: (tries: number) => Promise<void>;
  /** A connection broke after it was taken. */
  readonly lost: (link: Link) => void;
}

/**
 * Connections to where work will soon go, with what is asked often prepared. Both cost tens of milliseconds of processor time
 * each; done before a move, nobody waits for it while the database is fenced, or right behind.
 */
export class Spares {
  readonly address: DatabaseAddress;
  readonly #count: number;
  readonly #options: SparesOptions;
  #open: Opened[] = [];
  #over = false;

  constructor(address: DatabaseAddress, count: number, options: SparesOptions) {
    this.address = address;
    this.#count = count;
    this.#options = options;
    void this.#fill();
  }

  get ready(): boolean {
    return this.#open.length >= this.#count;
  }

  /** Hands out those that are open. No more are opened. */
  take(): readonly Opened[] {
    this.#over = true;
    return this.#open.splice(0);
  }

  close(): void {
    for (const { link } of this.take()) link.close();
  }

  async #fill(): Promise<void> {
    for (let tries = 0; !this.#over; ) {
      const began = performance.now();
      try {
        const opened = await this.#options.open(this.address, (link) => this.#lost(link));
        if (this.#over) return opened.link.close();
        this.#open.push(opened);
        tries = 0;
        if (this.ready) return;
      } catch {
        // The move's own gates say why the server cannot be reached.
        await this.#options.pause(tries++);
        continue;
      }
      await this.#options.breathe(performance.now() - began);
    }
  }

  #lost(link: Link): void {
    const full = this.ready;
    const kept = this.#open.filter((one) => one.link !== link);
    const taken = kept.length === this.#open.length;
    this.#open = kept;
    if (taken) this.#options.lost(link);
    else if (full) void this.#fill();
  }
}
