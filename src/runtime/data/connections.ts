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
    this.#options = options;
    this.#events = events;
    for (let i = 0; i < count; i++) void this.#keepOne();
  }

  /** Those that can be used now. */
  get links(): readonly Link[] {
    return this.#links;
  }

  identity(link: Link): Identity | undefined {
    return this.#identities.get(link);
  }

  /** Leads new work to another address. Connections to the old one end when their work is done. */
  move(address: DatabaseAddress): void {
    const { host, port, database } = this.#address;
    if (host === address.host && port === address.port && database === address.database) return;
    this.#address = address;
    for (const link of this.#links) this.#retire(link);
  }

  /** Closes a retiring connection once nothing is under way on it, and opens its successor. */
  rest(link: Link): void {
    if (!link.retiring || link.reserved || link.inFlight > 0 || !this.#links.includes(link)) return;
    this.#links = this.#links.filter((other) => other !== link);
    link.close();
    if (this.#closing.signal.aborted) this.#events.lost(link);
    else void this.#keepOne();
  }

  /** Opens none any more, and ends each as soon as nothing is under way on it. */
  retireAll(): void {
    this.#closing.abort();
    for (const link of this.#links) this.#retire(link);
  }

  #retire(link: Link): void {
    link.retiring = true;
    this.rest(link);
  }

  async #keepOne(): Promise<void> {
    for (let pause = FIRST_PAUSE_MS; !this.#closing.signal.aborted; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      const address = this.#address;
      try {
        const link = await Link.open({ ...this.#options, address }, (lost) => this.#lost(lost));
        this.#identities.set(link, await this.#identify(link));
        if (this.#closing.signal.aborted) return link.close();
        this.#links = [...this.#links, link];
        link.retiring = address !== this.#address;
        this.#events.ready(link);
        this.rest(link);
        return;
      } catch (error) {
        if (this.#closing.signal.aborted) return;
        this.#events.failed(error as Error);
        // Full jitter, so that many processes do not come back all at once.
        await delay(pause * (0.5 + Math.random()), undefined, { signal: this.#closing.signal }).catch(() => undefined);
      }
    }
  }

  async #identify(link: Link): Promise<Identity> {
    const late = new Error("the server signed us in and then fell silent");
    const timer = setTimeout(() => link.destroy(late), this.#options.connectTimeoutMs);
    try {
      return await identify(link);
    } catch (error) {
      link.close();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #lost(link: Link): void {
    if (!this.#links.includes(link)) return; // it never came to be used
    this.#links = this.#links.filter((other) => other !== link);
    this.#events.lost(link);
    void this.#keepOne();
  }
}
