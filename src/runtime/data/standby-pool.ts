import type { DatabaseAddress } from "../../topology/endpoints.ts";
import { DEPTH, leastBusy } from "./busy.ts";
import { Connections } from "./connections.ts";
import type { Link, LinkOptions } from "./link.ts";
import { Queue } from "./queue.ts";
import { committedOn, type Replayed, replayedExchange } from "./replayed.ts";
import type { Attempt, StandbyRead } from "./standby-read.ts";
import type { Statement } from "./statement.ts";
import { sameValues } from "./wire/values.ts";

/** What becomes of reads on a standby. */
export interface StandbyPoolHost {
  /** The standby has answered; `at` is what it showed. */
  answered(attempt: Attempt, at: Replayed): void;
  /** It had not come as far as the read needs. */
  short(read: StandbyRead): void;
  /** The connection broke, the server is no standby any more, or there is no connection: nothing is known of the answer. */
  lost(reads: readonly StandbyRead[]): void;
  /** Nothing of the pool is in use any more. */
  empty(): void;
  failed(error: Error): void;
}

interface Batch {
  readonly attempts: Attempt[];
  /** Asked before the first read that needed it; undefined while that is not answered. */
  asked: boolean;
  before: Replayed | undefined;
}

/** Connections to one standby, and the reads that were given to it. */
export class StandbyPool {
  readonly address: DatabaseAddress;
  readonly #connections: Connections;
  readonly #host: StandbyPoolHost;
  readonly #queue = new Queue<StandbyRead>();
  readonly #unsent = new Map<Statement, StandbyRead[]>();
  /** How far the server has come at least, in its present life. */
  #life: string | undefined;
  #replayed = 0n;
  #scheduled = false;
  #closed = false;

  constructor(address: DatabaseAddress, count: number, link: Omit<LinkOptions, "address">, host: StandbyPoolHost) {
    this.address = address;
    this.#host = host;
    this.#connections = new Connections(
      address,
      count,
      link,
      {
        ready: () => this.#schedule(),
        lost: () => {
          if (this.#connections.links.length === 0) this.#giveBack();
        },
        failed: (error) => host.failed(error),
      },
      { role: "standby" },
    );
  }

  get links(): readonly Link[] {
    return this.#connections.links;
  }

  get usable(): boolean {
    return !this.#closed && this.links.some((link) => !link.retiring);
  }

  /** Reads under way and waiting. */
  get load(): number {
    return this.links.reduce((sum, link) => sum + link.inFlight, this.#queue.length);
  }

  /** Whether it is known already that the standby has come so far. */
  hasReplayed(lsn: bigint): boolean {
    return lsn <= this.#replayed;
  }

  /** The server was asked elsewhere how far it has come. */
  learn(life: string, replayed: bigint): void {
    if (this.#life !== life) this.#replayed = 0n;
    this.#life = life;
    if (replayed > this.#replayed) this.#replayed = replayed;
  }

  /** A read like this one that was not sent yet, if both need the same or what was replayed already. */
  twin(statement: Statement, values: StandbyRead["values"], need: bigint): StandbyRead | undefined {
    const read = this.#unsent.get(statement)?.find((one) => sameValues(one.values, values));
    if (read === undefined || read.need === need) return read;
    const most = read.need > need ? read.need : need;
    if (most > this.#replayed) return undefined;
    read.need = most;
    return read;
  }

  add(read: StandbyRead): void {
    this.#queue.push(read);
    const same = this.#unsent.get(read.statement);
    if (same === undefined) this.#unsent.set(read.statement, [read]);
    else same.push(read);
    this.#schedule();
  }

  /** Asks how far the standby has come; undefined when it cannot be asked, or is none any more. */
  replayed(): Promise<Replayed | undefined> {
    const link = leastBusy(this.links, performance.now(), Number.POSITIVE_INFINITY);
    if (link === undefined) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      link.send(replayedExchange(resolve));
      link.flush();
    });
  }

  /** Asks which of these transactions the standby shows; undefined unless it has replayed `lsn`. */
  async committed(xids: readonly bigint[], lsn: bigint): Promise<readonly bigint[] | undefined> {
    const link = leastBusy(this.links, performance.now(), Number.POSITIVE_INFINITY);
    return link === undefined ? undefined : committedOn(link, xids, lsn);
  }

  /** Gives back what has waited too long for a connection. */
  takeLate(now: number, limit: number): StandbyRead[] {
    const late = this.#queue.take((read) => {
      read.since ||= now;
      return now - read.since >= limit;
    });
    for (const read of late) this.#forget(read);
    return late;
  }

  /** Takes no more; what is under way may end. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connections.retireAll();
    this.#giveBack();
  }

  /** Breaks off all that is under way. */
  cut(reason: Error): void {
    for (const link of this.links) link.destroy(reason);
  }

  /** Gives up connections that have owed an answer for so long. */
  cutSilent(now: number, silenceMs: number): void {
    for (const link of this.links) {
      if (link.inFlight > 0 && now - link.progressAt > silenceMs) {
        link.destroy(new Error(`the database did not answer within ${silenceMs} ms`));
      }
    }
  }

  #giveBack(): void {
    const waiting = this.#queue.take(() => true);
    this.#unsent.clear();
    if (waiting.length > 0) this.#host.lost(waiting);
    if (this.#closed && this.links.length === 0) this.#host.empty();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#dispatch);
  }

  readonly #dispatch = (): void => {
    this.#scheduled = false;
    const now = performance.now();
    const batches = new Map<Link, Batch>();
    for (let read = this.#queue.peek(); read !== undefined; read = this.#queue.peek()) {
      const link = leastBusy(this.links, now, DEPTH);
      if (link === undefined) break;
      this.#queue.shift();
      this.#forget(read);
      const batch = batches.get(link) ?? { attempts: [], asked: false, before: undefined };
      batches.set(link, batch);
      if (!this.#knows(link, read.need) && !batch.asked) this.#ask(link, batch);
      const attempt = read.attempt();
      batch.attempts.push(attempt);
      link.send(attempt);
    }
    if (this.#queue.length > 0) this.#connections.hurry();
    for (const [link, batch] of batches) {
      link.send(replayedExchange((after, error) => this.#done(link, batch, after, error)));
      link.flush();
    }
  };

  #forget(read: StandbyRead): void {
    const same = this.#unsent.get(read.statement);
    if (same === undefined) return;
    same.splice(same.indexOf(read), 1);
    if (same.length === 0) this.#unsent.delete(read.statement);
  }

  #knows(link: Link, need: bigint): boolean {
    return need === 0n || (this.#connections.identity(link)?.life === this.#life && need <= this.#replayed);
  }

  #ask(link: Link, batch: Batch): void {
    batch.asked = true;
    link.send(
      replayedExchange((before) => {
        batch.before = before;
      }),
    );
  }

  /** All that was sent before is answered, or will not be. */
  #done(link: Link, batch: Batch, after: Replayed | undefined, error: Error | undefined): void {
    const life = this.#connections.identity(link)?.life;
    if (after === undefined || life === undefined) {
      if (error === undefined) this.#host.failed(new Error("the server is no standby any more"));
      this.#host.lost(batch.attempts.map(({ read }) => read));
    } else {
      if (life !== this.#life) this.learn(life, after.lsn);
      else if (after.lsn > this.#replayed) this.#replayed = after.lsn;
      for (const attempt of batch.attempts) {
        const { need } = attempt.read;
        if (batch.asked && (batch.before === undefined || need > batch.before.lsn)) this.#host.short(attempt.read);
        else this.#host.answered(attempt, after);
      }
    }
    if (this.#queue.length > 0) this.#schedule();
  }
}
