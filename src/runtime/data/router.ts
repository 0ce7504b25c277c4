import type { CompiledQuery, QueryResult } from "kysely";
import type { DatabaseAddress } from "../../topology/endpoints.ts";
import { type Position, Session } from "../session/index.ts";
import { Cluster } from "./cluster.ts";
import { Completion } from "./completion.ts";
import { DatabaseBusy } from "./errors.ts";
import { isStale } from "./exchange.ts";
import type { LinkOptions } from "./link.ts";
import type { Replayed } from "./replayed.ts";
import { Scheduler } from "./scheduler.ts";
import type { DatabaseStats, SchedulerOptions } from "./scheduler-options.ts";
import { StandbyPool } from "./standby-pool.ts";
import { type Attempt, StandbyRead } from "./standby-read.ts";
import type { Statement } from "./statement.ts";
import { Visibility } from "./visibility.ts";
import { codeOf } from "./wire/problem.ts";
import { encodeValues } from "./wire/values.ts";
import type { Encoded } from "./wire/writer.ts";

export interface RouterOptions extends Omit<SchedulerOptions, "visibility" | "ambient" | "address"> {
  readonly place: ClusterPlace;
  /** A standby that is further behind gets no reads, in milliseconds. */
  readonly maxLagMs: number;
}

/** A cluster's part of the endpoints document. */
export interface ClusterPlace {
  readonly primary: DatabaseAddress;
  readonly standbys: readonly DatabaseAddress[];
  readonly upcoming?: DatabaseAddress | undefined;
}

/** Longest wait for a standby that has not replayed enough, in milliseconds; and the lag with which it is not waited for. */
const WAIT_MS = 50;
const HOPELESS_LAG_MS = 500;
const MOST_TRIES = 5;
const SWEEP_MS = 100;

/** Errors that another member would give as well: of the statement's own data, and its time limit. */
const CERTAIN = /^22|^57014$/;

/** Sends reads to standbys as far as their sessions allow, and all the rest to the primary, which it finds by itself. */
export class Router {
  readonly scheduler: Scheduler;
  readonly #options: RouterOptions;
  readonly #cluster: Cluster;
  readonly #visibility: Visibility;
  readonly #completion: Completion;
  readonly #ambient = new Session();
  readonly #closing = new Set<StandbyPool>();
  readonly #sweeper: NodeJS.Timeout;
  #place: ClusterPlace;
  #epoch: number;
  #epochInUse = 0;
  #served = 0;
  #fellBack = 0;
  #waits = 0;
  #joined = 0;
  #onEmpty: (() => void) | undefined;

  constructor(options: RouterOptions) {
    const { cluster, log, place, holdMs } = options;
    this.#options = options;
    this.#place = place;
    this.#epoch = options.epoch;
    this.#visibility = new Visibility(
      cluster,
      holdMs,
      (xids, lsn) => this.#committed(xids, lsn),
      (position) => log?.warn({ position: shown(position) }, "a failover cut off what a session had seen"),
    );
    const link: Omit<LinkOptions, "address"> = options.link;
    this.scheduler = new Scheduler({
      ...options,
      address: place.primary,
      visibility: this.#visibility,
      ambient: this.#ambient,
    });
    this.#cluster = new Cluster({
      link,
      maxLagMs: options.maxLagMs,
      log,
      open: (address) => this.#open(address),
      led: (address, { system, timeline }, history) => {
        this.#visibility.led(system, timeline, history);
        this.scheduler.follow(address, this.#place.upcoming);
      },
      lost: () => this.#completion.primaryLost(),
      finished: (timeline, xmin) => this.#visibility.finished(timeline, xmin),
    });
    this.#completion = new Completion({
      askPrimary: (session) => this.scheduler.positions.complete(session),
      standbys: () => this.#cluster.bereft,
      told: (session, { lsn, seen }) => {
        const { leader } = this.#cluster;
        if (leader === undefined) return;
        const { system, timeline } = leader;
        session.complete({ cluster, system, epoch: this.#epoch, timeline, lsn, seen });
      },
    });
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS).unref();
    this.#watch(place);
  }

  run(compiled: CompiledQuery): Promise<QueryResult<never>> {
    const { scheduler } = this;
    const statement = scheduler.statements.of(compiled);
    const session = scheduler.positions.session(statement.kind !== "read");
    const values = encodeValues(compiled.parameters);
    if (session === undefined || statement.kind !== "read") return scheduler.runStatement(statement, values, session);
    if (session.isBehind(this.#options.cluster) && this.#cluster.choose(0n) !== undefined) {
      return this.#completion.complete(session).then(() => this.#read(statement, values, session));
    }
    return this.#read(statement, values, session);
  }

  /** Follows the cluster to where the endpoints of this number say that it is. */
  move(place: ClusterPlace, epoch: number): void {
    this.#epochInUse = this.epochInUse();
    this.#epoch = epoch;
    this.#place = place;
    const { address } = this.scheduler;
    this.#watch(place);
    // Which of its members leads, we know better.
    const stays = place.standbys.length > 0 && this.#cluster.has(address);
    this.scheduler.move(stays ? address : place.primary, epoch, place.upcoming);
  }

  /** See `Scheduler.epochInUse`: also nothing of a standby that has left is in use any more. */
  epochInUse(): number {
    const { pools } = this.#cluster;
    const left = [...this.#closing].some((pool) => !pools.includes(pool));
    if (!left && this.scheduler.epochInUse() === this.#epoch) this.#epochInUse = this.#epoch;
    return this.#epochInUse;
  }

  stats(): DatabaseStats {
    const stats = this.scheduler.stats();
    const standbys = { open: this.#cluster.readable, reads: this.#served };
    return {
      ...stats,
      joined: stats.joined + this.#joined,
      standbys: { ...standbys, waits: this.#waits, fallbacks: this.#fellBack },
    };
  }

  async close(withinMs: number): Promise<void> {
    clearInterval(this.#sweeper);
    this.#cluster.close();
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
      if (this.#closing.size === 0) resolve();
    });
    const late = setTimeout(() => {
      for (const pool of this.#closing) pool.cut(new Error("the service closes its database connections"));
    }, withinMs);
    await Promise.all([this.scheduler.close(withinMs), empty]);
    clearTimeout(late);
  }

  #watch({ primary, standbys }: ClusterPlace): void {
    this.#visibility.replicated = standbys.length > 0;
    this.#cluster.setMembers(standbys.length > 0 ? [primary, ...standbys] : []);
  }

  #open(address: DatabaseAddress): StandbyPool {
    const { connections, link, log } = this.#options;
    const pool: StandbyPool = new StandbyPool(address, connections, link, {
      answered: (attempt, at) => this.#answered(pool, attempt, at),
      short: (read) => this.#short(pool, read),
      lost: (reads) => {
        for (const read of reads) this.#again(read);
      },
      empty: () => {
        this.#closing.delete(pool);
        if (this.#closing.size === 0) this.#onEmpty?.();
      },
      failed: (error) => log?.debug({ err: error, member: address.name }, "a standby gave no connection"),
    });
    this.#closing.add(pool);
    return pool;
  }

  #read(statement: Statement, values: readonly Encoded[], session: Session): Promise<QueryResult<never>> {
    const need = this.#need(session);
    const pool = need === undefined ? undefined : this.#cluster.choose(need);
    if (need === undefined || pool === undefined) {
      this.#fellBack++;
      return this.scheduler.runStatement(statement, values, session);
    }
    const twin = pool.twin(statement, values, need);
    if (twin !== undefined) {
      this.#joined++;
      return twin.answer(session);
    }
    if (pool.load >= this.#options.maxWaiting) throw new DatabaseBusy("too many reads wait for the standbys already");
    const read = new StandbyRead(statement, values, need);
    const answer = read.answer(session);
    pool.add(read);
    return answer;
  }

  /** Place that a standby must have replayed for a session; undefined when only the primary can tell. */
  #need(session: Session): bigint | undefined {
    const position = session.positions.get(this.#options.cluster);
    const { leader } = this.#cluster;
    if (position === undefined) return 0n;
    if (leader === undefined) return undefined;
    // What a move took here was all there before this cluster was opened.
    if (position.system !== leader.system) return position.epoch < this.#epoch ? 0n : undefined;
    return position.timeline > leader.timeline ? undefined : position.lsn;
  }

  #answered(pool: StandbyPool, attempt: Attempt, { shown, xmax }: Replayed): void {
    const { read, error } = attempt;
    const { leader } = this.#cluster;
    const timeline = this.#cluster.timelineOf(pool) ?? leader?.timeline;
    if (leader === undefined || timeline === undefined) {
      this.#again(read);
      return;
    }
    const { cluster } = this.#options;
    const position: Position = { cluster, system: leader.system, epoch: this.#epoch, timeline, lsn: shown, seen: xmax };
    for (const { session } of read.waiters) session.merge(position);
    this.#served++;
    if (error === undefined) attempt.settle();
    else if (CERTAIN.test(codeOf(error) ?? "")) read.fail(error);
    else if (isStale(error)) this.#again(read);
    else this.#fallBack(read); // it may be the standby's own trouble, such as a conflict with what it replays
  }

  #short(pool: StandbyPool, read: StandbyRead): void {
    const now = performance.now();
    read.shortSince ??= now;
    this.#waits++;
    const hopeless = this.#cluster.lagOf(pool) > HOPELESS_LAG_MS || now - read.shortSince >= WAIT_MS;
    if (!hopeless) {
      setTimeout(() => (pool.usable ? pool.add(read) : this.#again(read)), Math.min(2 ** read.tries++ / 2, 10));
      return;
    }
    const other = this.#cluster.choose(read.need, pool);
    if (other?.hasReplayed(read.need)) other.add(read);
    else this.#fallBack(read);
  }

  /** Nothing is known of its answer, and a read may run twice. */
  #again(read: StandbyRead): void {
    const pool = ++read.tries < MOST_TRIES ? this.#cluster.choose(read.need) : undefined;
    if (pool === undefined) this.#fallBack(read);
    else pool.add(read);
  }

  #fallBack(read: StandbyRead): void {
    this.#fellBack++;
    for (const { session, resolve, reject } of read.waiters) {
      try {
        this.scheduler.runStatement(read.statement, read.values, session).then(resolve, reject);
      } catch (error) {
        reject(error);
      }
    }
  }

  async #committed(xids: readonly bigint[], lsn: bigint): Promise<readonly bigint[] | undefined> {
    for (const pool of this.#cluster.pools) {
      const told = await pool.committed(xids, lsn);
      if (told !== undefined) return told;
    }
    return undefined;
  }

  #sweep(): void {
    const now = performance.now();
    const { busyMs, silenceMs } = this.#options;
    for (const pool of this.#cluster.pools) {
      for (const read of pool.takeLate(now, busyMs)) {
        read.fail(new DatabaseBusy(`no connection became free within ${busyMs} ms`));
      }
      if (silenceMs > 0) pool.cutSilent(now, silenceMs);
    }
  }
}

function shown({ timeline, lsn }: Position): string {
  return `${timeline}:${lsn.toString(16)}`;
}
