import { setTimeout as delay } from "node:timers/promises";
import type { DatabaseAddress } from "../../topology/endpoints.ts";
import { isBusy } from "./busy.ts";
import { Demand } from "./demand.ts";
import { type Identity, identify } from "./identity.ts";
import { Link, type LinkOptions } from "./link.ts";
import { type Opened, Spares } from "./spares.ts";
import type { Statement } from "./statement.ts";

/** What the connections tell: one has come, one has gone, none comes. */
export interface ConnectionsEvents {
  ready(link: Link): void;
  lost(link: Link): void;
  failed(error: Error): void;
}

/** What the server must be. */
export type MemberRole = "primary" | "standby";

const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 150;
/** Nobody listens, so that a try costs next to nothing: the pauses do not grow. */
const NOBODY_LISTENS = new Set<unknown>(["ENOENT", "ECONNREFUSED"]);
/** A server spends tens of milliseconds of a processor on each connection that comes: it gets as long as that three times over for others. */
const OPENING_PAUSE = 3;
const LONGEST_OPENING_PAUSE_MS = 200;
/** Those that are not needed now come one at a time, unless work waits for them. */
const SPARE_PAUSE_MS = 1_000;
/** And some milliseconds on each that ends. */
const REST_PAUSE_MS = 100;
/** After a move, when all that waited is served at once, those to the old place stay this long before the first ends. */
const MOVED_REST_MS = 1_000;

/**
 * Keeps `count` connections to one address open: opens them, first those that are needed now, and opens them again when they
 * break.
 */
export class Connections {
  readonly #options: Omit<LinkOptions, "address">;
  readonly #count: number;
  readonly #events: ConnectionsEvents;
  readonly #role: MemberRole;
  readonly #identities = new WeakMap<Link, Identity>();
  readonly #closing = new AbortController();
  readonly #known: () => readonly Statement[];
  readonly #demand: Demand;
  #address: DatabaseAddress;
  #links: Link[] = [];
  #spares: Spares | undefined;
  /** One tries for all while the server gives no connection, since each try costs it a process. */
  #trying: { readonly address: DatabaseAddress; readonly end: Promise<void> } | undefined;
  /** Ends the pause before the next is opened. */
  #breather: AbortController | undefined;
  #resting = false;

  /** @param known statements that are prepared ahead on connections to where work will soon go */
  constructor(
    address: DatabaseAddress,
    count: number,
    options: Omit<LinkOptions, "address">,
    events: ConnectionsEvents,
    { role = "primary", known = () => [] }: { role?: MemberRole; known?: () => readonly Statement[] } = {},
  ) {
    this.#role = role;
    this.#known = known;
    this.#address = address;
    this.#count = count;
    this.#options = options;
    this.#events = events;
    this.#demand = new Demand(count, () => this.#links.filter(isBusy).length);
    void this.#keepInTurn(address, 0);
  }

  /** Those that are open, also the ones to an earlier address that have work to end. */
  get links(): readonly Link[] {
    return this.#links;
  }

  /** How many new work can use, now or when what is under way on them ends. */
  get usable(): number {
    return this.#links.reduce((count, link) => (link.retiring ? count : count + 1), 0);
  }

  /** Where new work goes; the same object until the next move. */
  get address(): DatabaseAddress {
    return this.#address;
  }

  identity(link: Link): Identity | undefined {
    return this.#identities.get(link);
  }

  /** Whether as many connections as are needed now stand ready for the address that was prepared; true when none was. */
  get prepared(): boolean {
    return this.#spares?.ready ?? true;
  }

  /** Opens connections to where work will soon go, beside those in use; without an address, lets go of them. */
  prepare(address: DatabaseAddress | undefined): void {
    if (address !== undefined && this.#spares !== undefined && isSame(address, this.#spares.address)) return;
    this.#spares?.close();
    this.#spares = undefined;
    if (address === undefined || isSame(address, this.#address) || this.#closing.signal.aborted) return;
    this.#spares = new Spares(address, this.#demand.needed, {
      open: async (to, onLost) => {
        const opened = await this.#open(to, onLost);
        await this.#inTime(opened.link, (link) => link.prepare(this.#known()));
        return opened;
      },
      breathe: (tookMs) => this.#breathe(openingPause(tookMs), this.#closing.signal),
      pause: (tries) => this.#pause(FIRST_PAUSE_MS * 2 ** Math.min(tries, 10)),
      lost: (link) => this.#lost(link),
    });
  }

  /**
   * Leads new work to another address, to whose connections it goes as soon as there is one; those to the old one end
   * when their work is done. Gives the address under which work goes on, undefined when it is the one it goes to already.
   */
  move(address: DatabaseAddress): DatabaseAddress | undefined {
    if (isSame(address, this.#address) || this.#closing.signal.aborted) return undefined;
    const spares = this.#spares !== undefined && isSame(address, this.#spares.address) ? this.#spares : undefined;
    const opened = spares?.take() ?? [];
    this.#spares?.close();
    this.#spares = undefined;
    this.#address = spares?.address ?? address;
    const old = this.#links;
    for (const link of old) link.retiring = true;
    for (const one of opened) this.#adopt(one);
    void this.#keepInTurn(this.#address, opened.length);
    void this.#restInTurn(MOVED_REST_MS);
    return this.#address;
  }

  /** Work waits for a connection: the next is opened at once. */
  hurry(): void {
    this.#breather?.abort();
    this.#breather = undefined;
  }

  /** Opens none any more, and ends each as soon as nothing is under way on it. */
  retireAll(): void {
    this.#closing.abort();
    this.#demand.close();
    this.#spares?.close();
    for (const link of this.#links) link.retiring = true;
    void this.#restInTurn(0);
  }

  /** Breaks off each that owes an answer and has said nothing for so long; 0 breaks off none. */
  endSilent(silenceMs: number): void {
    if (silenceMs === 0) return;
    for (const link of this.#links) {
      if (link.inFlight > 0 && performance.now() - link.progressAt > silenceMs) {
        link.destroy(new Error(`the database did not answer within ${silenceMs} ms`));
      }
    }
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

  /**
   * One after another, with pauses: signing in keeps both sides' processors busy, and the first is enough for what waits to
   * begin.
   */
  async #keepInTurn(address: DatabaseAddress, open: number): Promise<void> {
    for (let [i, tookMs] = [open, 0]; i < this.#count && address === this.#address; i++) {
      if (i > 0) {
        this.#breather = new AbortController();
        const signal = AbortSignal.any([this.#breather.signal, this.#closing.signal]);
        await this.#breathe(i < this.#demand.needed ? openingPause(tookMs) : SPARE_PAUSE_MS, signal);
      }
      const began = performance.now();
      await this.#keepOne(address);
      tookMs = performance.now() - began;
    }
  }

  async #breathe(ms: number, signal: AbortSignal): Promise<void> {
    await delay(ms, undefined, { signal }).catch(() => undefined);
  }

  /** Ends those that retire as they become free: one now and then, since those that work need the server's processors more. */
  async #restInTurn(firstMs: number): Promise<void> {
    if (this.#resting) return;
    this.#resting = true;
    await delay(firstMs, undefined, { signal: this.#closing.signal }).catch(() => undefined);
    while (this.#links.some((link) => link.retiring)) {
      await delay(REST_PAUSE_MS);
      const free = this.#links.find((link) => link.retiring && !isBusy(link));
      if (free !== undefined) this.#end(free);
    }
    this.#resting = false;
  }

  #end(link: Link): void {
    this.#links = this.#links.filter((other) => other !== link);
    link.close();
    this.#events.lost(link);
  }

  #adopt({ link, identity }: Opened): void {
    this.#identities.set(link, identity);
    this.#links = [...this.#links, link];
    this.#events.ready(link);
  }

  async #open(address: DatabaseAddress, onLost: (link: Link) => void): Promise<Opened> {
    const link = await Link.open({ ...this.#options, address }, onLost);
    return { link, identity: await this.#identify(link) };
  }

  /** Full jitter, so that many processes do not come back all at once. */
  async #pause(ms: number): Promise<void> {
    const jittered = Math.min(ms, LONGEST_PAUSE_MS) * (0.5 + Math.random());
    await delay(jittered, undefined, { signal: this.#closing.signal }).catch(() => undefined);
  }

  async #keepOne(address: DatabaseAddress): Promise<void> {
    const over = () => this.#closing.signal.aborted || address !== this.#address;
    while (!over()) {
      if ((await this.#keep(address, over)) === true) return;
      if (this.#trying?.address === address) {
        await this.#trying.end;
        continue;
      }
      const mine = { address, end: this.#keepTrying(address, over) };
      this.#trying = mine;
      await mine.end;
      if (this.#trying === mine) this.#trying = undefined;
      return;
    }
  }

  async #keepTrying(address: DatabaseAddress, over: () => boolean): Promise<void> {
    for (let pause = FIRST_PAUSE_MS; !over(); pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      await this.#pause(pause);
      const kept = over() || (await this.#keep(address, over));
      if (kept === true) return;
      if (NOBODY_LISTENS.has((kept as NodeJS.ErrnoException).code)) pause = FIRST_PAUSE_MS;
    }
  }

  /** Whether it came; what was in its way otherwise. */
  async #keep(address: DatabaseAddress, over: () => boolean): Promise<true | Error> {
    try {
      const opened = await this.#open(address, (lost) => this.#lost(lost));
      if (over()) opened.link.close();
      else this.#adopt(opened);
      return true;
    } catch (error) {
      if (!over()) this.#events.failed(error as Error);
      return error as Error;
    }
  }

  async #identify(link: Link): Promise<Identity> {
    try {
      return await this.#inTime(link, (asked) => identify(asked, this.#role));
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

function openingPause(tookMs: number): number {
  return Math.min(tookMs * OPENING_PAUSE, LONGEST_OPENING_PAUSE_MS);
}

/** Whether two addresses name the same place. */
export function isSame(a: DatabaseAddress, b: DatabaseAddress): boolean {
  return a.host === b.host && a.port === b.port && a.database === b.database;
}
