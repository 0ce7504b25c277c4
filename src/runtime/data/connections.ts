import { setTimeout as delay } from "node:timers/promises";
import type { DatabaseAddress } from "../../topology/endpoints.ts";
import { type Identity, identify } from "./identity.ts";
import { Link, type LinkOptions } from "./link.ts";

/** What the connections tell: one has come, one has gone, none comes. */
export interface ConnectionsEvents {
  ready(link: Link): void;
  lost(link: Link): void;
  failed(error: Error): void;
}

const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 500;

/** Keeps `count` connections to one address open: opens them, and opens them again when they break. */
export class Connections {
  readonly #options: Omit<LinkOptions, "address">;
  readonly #count: number;
  readonly #events: ConnectionsEvents;
  readonly #identities = new WeakMap<Link, Identity>();
  readonly #closing = new AbortController();
  #address: DatabaseAddress;
  #links: Link[] = [];

  constructor(
    address: DatabaseAddress,
    count: number,
    options: Omit<LinkOptions, "address">,
    events: ConnectionsEvents,
  ) {
    this.#address = address;
    this.#count = count;
    this.#options = options;
    this.#events = events;
    for (let i = 0; i < count; i++) void this.#keepOne(address);
  }

  /** Those that are open, also the ones to an earlier address that have work to end. */
  get links(): readonly Link[] {
    return this.#links;
  }

  /** Where new work goes; the same object until the next move. */
  get address(): DatabaseAddress {
    return this.#address;
  }

  identity(link: Link): Identity | undefined {
    return this.#identities.get(link);
  }

  /**
   * Leads new work to another address, whose connections are opened at once, beside those to the old one; these end
   * when their work is done. Gives false when it is the address that work goes to already.
   */
  move(address: DatabaseAddress): boolean {
    if (isSame(address, this.#address)) return false;
    if (this.#closing.signal.aborted) return false;
    this.#address = address;
    // One first, alone, so that waiting work has it as early as can be: signing in keeps both sides' processors busy.
    void this.#keepOne(address).then(() => {
      for (let i = 1; i < this.#count && address === this.#address; i++) void this.#keepOne(address);
    });
    for (const link of this.#links) this.#retire(link);
    return true;
  }

  /** Closes a retiring connection once nothing is under way on it. */
  rest(link: Link): void {
    if (!link.retiring || link.reserved || link.inFlight > 0 || !this.#links.includes(link)) return;
    this.#links = this.#links.filter((other) => other !== link);
    link.close();
    this.#events.lost(link);
  }

  /** Opens none any more, and ends each as soon as nothing is under way on it. */
  retireAll(): void {
    this.#closing.abort();
    for (const link of this.#links) this.#retire(link);
  }

  /** A connection for one question, beside those that are kept. */
  async apart<T>(address: DatabaseAddress, ask: (link: Link) => Promise<T>): Promise<T> {
    const link = await Link.open({ ...this.#options, address }, () => undefined);
    try {
      return await this.#inTime(link, ask);
    } finally {
      link.close();
    }
  }

  #retire(link: Link): void {
    link.retiring = true;
    this.rest(link);
  }

  async #keepOne(address: DatabaseAddress): Promise<void> {
    const over = () => this.#closing.signal.aborted || address !== this.#address;
    for (let pause = FIRST_PAUSE_MS; !over(); pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      try {
        const link = await Link.open({ ...this.#options, address }, (lost) => this.#lost(lost));
        const identity = await this.#identify(link);
        if (over()) return link.close();
        this.#identities.set(link, identity);
        this.#links = [...this.#links, link];
        this.#events.ready(link);
        return;
      } catch (error) {
        if (over()) return;
        this.#events.failed(error as Error);
        // Full jitter, so that many processes do not come back all at once.
        await delay(pause * (0.5 + Math.random()), undefined, { signal: this.#closing.signal }).catch(() => undefined);
      }
    }
  }

  async #identify(link: Link): Promise<Identity> {
    try {
      return await this.#inTime(link, identify);
    } catch (error) {
      link.close();
      throw error;
    }
  }

  async #inTime<T>(link: Link, ask: (link: Link) => Promise<T>): Promise<T> {
    const late = new Error("the server signed us in and then fell silent");
    const timer = setTimeout(() => link.destroy(late), this.#options.connectTimeoutMs);
    try {
      return await ask(link);
    } finally {
      clearTimeout(timer);
    }
  }

  #lost(link: Link): void {
    if (!this.#links.includes(link)) return; // it never came to be used
    this.#links = this.#links.filter((other) => other !== link);
    this.#events.lost(link);
    if (link.address === this.#address) void this.#keepOne(this.#address);
  }
}

/** Whether two addresses name the same place. */
export function isSame(a: DatabaseAddress, b: DatabaseAddress): boolean {
  return a.host === b.host && a.port === b.port && a.database === b.database;
}
