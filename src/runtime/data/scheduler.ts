import type { CompiledQuery, QueryResult } from "kysely";
import type { DatabaseAddress } from "../../topology/endpoints.ts";
import { currentSession, type Session } from "../session/index.ts";
import { Backlog, type Reservation } from "./backlog.ts";
import { DEPTH, leastBusy } from "./busy.ts";
import { Connections, isSame } from "./connections.ts";
import { DatabaseBusy, DatabaseMoving, DatabaseUnavailable } from "./errors.ts";
import { type Call, callOf, type Exchange } from "./exchange.ts";
import { type Denial, Fence, isDenied, phaseOn } from "./fence.ts";
import { Guarded, guardAlone } from "./guarded.ts";
import type { Identity } from "./identity.ts";
import type { Link } from "./link.ts";
import { OutcomeRows } from "./outcome-rows.ts";
import { PROGRESS, type Progress, positionExchange, progressOf } from "./position.ts";
import { Run, type RunHost } from "./run.ts";
import type { DatabaseStats, SchedulerOptions } from "./scheduler-options.ts";
import { ownStatement, type Statement, Statements } from "./statement.ts";
import type { Visibility } from "./visibility.ts";
import { encodeValues, sameValues } from "./wire/values.ts";
import type { Encoded } from "./wire/writer.ts";

const JOIN_SCAN = 16;
const SWEEP_MS = 25;

const RESTORE = ownStatement("rollback", "rollback", "unknown");
const RESET: Statement = {
  ...ownStatement(
    "reset session authorization; reset all; close all; unlisten *; select pg_advisory_unlock_all(); discard temp; discard sequences",
    "",
    "unknown",
  ),
  simple: true,
};

/**
 * Gives each statement a connection. What is asked for while the process handles one batch of events goes out together
 * at its end: one system call for each connection, and identical reads are sent once.
 */
export class Scheduler implements RunHost {
  readonly statements = new Statements();
  readonly holdMs: number;
  readonly cluster: string;
  /** What became of writes whose connection broke. */
  readonly outcomes = new OutcomeRows(this);
  readonly #options: SchedulerOptions;
  readonly #visibility: Visibility;
  readonly #connections: Connections;
  readonly #fence: Fence;
  readonly #backlog = new Backlog();
  readonly #watchdog: NodeJS.Timeout;
  /** The endpoints that named each address, and those under which all connections stand. */
  readonly #epochs = new WeakMap<DatabaseAddress, number>();
  #epoch: number;
  #epochInUse = 0;
  #scheduled = false;
  #sweeper: NodeJS.Timeout | undefined;
  #closed = false;
  #onEmpty: (() => void) | undefined;
  #trouble: Error | undefined;
  #sentStatements = 0;
  #joined = 0;
  #retries = 0;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#visibility = options.visibility;
    this.holdMs = options.holdMs;
    this.cluster = options.cluster;
    this.#epoch = options.epoch;
    this.#epochs.set(options.address, options.epoch);
    this.#connections = new Connections(options.address, options.connections, options.link, {
      ready: (link) => {
        if (this.#trouble !== undefined) options.log?.info({ address: link.address }, "database is back");
        this.#trouble = undefined;
        if (this.#usable() === 1) this.#backlog.reopen(); // what waits does so for a connection, no longer for the database
        this.#schedule();
      },
      lost: () => {
        this.#tellEmpty();
        this.#schedule();
      },
      failed: (error) => {
        if (this.#trouble === undefined)
          options.log?.warn({ err: error, address: this.#connections.address }, "database is away");
        this.#trouble = error;
        options.onTrouble();
      },
    });
    this.#fence = new Fence({
      place: () => this.#connections.address,
      ask: () => {
        const link = leastBusy(this.#connections.links, performance.now(), Number.POSITIVE_INFINITY);
        if (link === undefined) return this.#connections.apart(this.#connections.address, phaseOn);
        return phaseOn(link).finally(() => this.freed(link)); // it may have been retired meanwhile
      },
      met: (phase) => options.log?.info({ fenced: phase }, "the database is being moved; what it denies waits"),
      waiting: () => options.onTrouble(),
      opened: () => {
        this.#backlog.reopen();
        this.#schedule();
      },
    });
    this.#watchdog = setInterval(() => this.#watch(), 1_000).unref();
  }

  /** Runs a statement on any connection. */
  run(compiled: CompiledQuery): Promise<QueryResult<never>> {
    const statement = this.statements.of(compiled);
    return this.runStatement(statement, encodeValues(compiled.parameters), this.session(statement.kind !== "read"));
  }

  /** @param session to be told how far the log has come by then */
  runStatement(statement: Statement, values: readonly Encoded[], session?: Session): Promise<QueryResult<never>> {
    const read = statement.kind === "read";
    if (read) {
      const twin = this.#twin(statement, values, session);
      if (twin !== undefined) {
        this.#joined++;
        return this.#shared(twin, session);
      }
    }
    this.admit();
    const run = new Run(this, statement, values, this.#backlog.nextOrder(), session);
    if (read) statement.unsent.push(run);
    this.#backlog.add(run);
    this.#schedule();
    return run.answer();
  }

  /** A connection for the caller alone, until {@link release}. Work that was sent before on it may still be under way. */
  reserve(): Promise<Link> {
    this.admit();
    return new Promise((grant, fail) => {
      this.#backlog.reserve({ grant, fail });
      this.#schedule();
    });
  }

  /** @param used false if only transactions ran on it, which leave nothing behind */
  release(link: Link, used: boolean): void {
    if (used) this.#own(link, RESET);
    link.reserved = false;
    this.freed(link);
  }

  /** Sends on a reserved connection. */
  send(link: Link, exchange: Exchange): void {
    this.#sentStatements += exchange.calls.length;
    link.send(exchange);
    this.#schedule();
  }

  identity(link: Link): Identity | undefined {
    return this.#connections.identity(link);
  }

  /**
   * Who must be told what a statement saw or wrote: where standbys are read, everybody, because what a session has seen here
   * it must also find there.
   */
  session(writes: boolean): Session | undefined {
    if (!this.#visibility.replicated) return writes ? currentSession() : undefined;
    const session = currentSession() ?? this.#options.ambient;
    this.#visibility.admit(session);
    return session;
  }

  /** What must go ahead of a session's statement on this connection; see {@link Visibility.guard}. */
  guard(link: Link, session: Session | undefined): Call | undefined {
    return this.#visibility.guard(session, this.#connections.identity(link));
  }

  /** After a guard has failed; see {@link Visibility.settle}. */
  settle(session: Session, error: Error, since: number): Promise<void> {
    return this.#visibility.settle(session, error, since);
  }

  /** Whether the cluster has standbys, any of which may become the primary. */
  get replicated(): boolean {
    return this.#visibility.replicated;
  }

  /** Number of the endpoints that named where work goes. */
  get epoch(): number {
    return this.#epoch;
  }

  countRetry(): void {
    this.#retries++;
  }

  /** Where work goes now. */
  get address(): DatabaseAddress {
    return this.#connections.address;
  }

  /**
   * Goes on at another member of the cluster, which has become its primary. Nothing that the former one still says counts:
   * what it has not acknowledged by now it never will, and what it shows may be old.
   */
  follow(address: DatabaseAddress, upcoming?: DatabaseAddress): void {
    if (isSame(address, this.#connections.address)) return;
    const former = [...this.#connections.links];
    this.move(address, this.#epoch, upcoming);
    for (const link of former) link.destroy(new Error("another member has become the primary"));
  }

  /** Follows the database to another address, named by endpoints of this number, and makes ready for where it goes next. */
  move(address: DatabaseAddress, epoch: number, upcoming?: DatabaseAddress): void {
    this.#epochInUse = this.epochInUse();
    this.#epoch = epoch;
    const at = this.#connections.move(address);
    this.#epochs.set(at ?? this.#connections.address, epoch);
    this.#connections.prepare(upcoming);
    if (at === undefined) {
      // Newer endpoints that stay where they are may mean that a move was given up.
      if (this.#fence.stands) void this.#fence.look(this.#connections.address);
      return;
    }
    this.#trouble = undefined;
    this.#fence.moved();
    this.#backlog.reopen();
    this.#schedule();
  }

  /**
   * The number of the endpoints under which all connections stand: nothing of an earlier address is in use any more, and
   * what was to be made ready is.
   */
  epochInUse(): number {
    const { links, address, prepared } = this.#connections;
    if (prepared && links.length > 0 && links.every((link) => link.address === address)) this.#epochInUse = this.#epoch;
    return this.#epochInUse;
  }

  /** Why the server that a connection led to has denied a statement; never rejects. */
  whyDenied(place: DatabaseAddress): Promise<Denial> {
    return this.#fence.look(place);
  }

  /**
   * For others who are connected to the same database: whether what failed with `error` at `place` can run again, there or
   * where work goes by then. Waits for as long as a fence stands.
   */
  async afterFence(error: unknown, place: DatabaseAddress): Promise<boolean> {
    if (!isDenied(error)) return false;
    const { address } = this.#connections;
    const why = await this.#fence.look(isSame(place, address) ? address : place);
    if (why === "fenced") await this.#fence.gone();
    return why !== "denied";
  }

  /** A connection for one question to the server at `address`, whether or not work still goes there. */
  apart<T>(address: DatabaseAddress, ask: (link: Link) => Promise<T>): Promise<T> {
    return this.#connections.apart(address, ask);
  }

  stats(): DatabaseStats {
    const { links } = this.#connections;
    const busy = links.filter((link) => link.reserved || link.inFlight > 0).length;
    return {
      connections: { limit: this.#options.connections, open: links.length, busy },
      waiting: this.#backlog.length,
      statements: this.#sentStatements,
      joined: this.#joined,
      retries: this.#retries,
    };
  }

  /** Takes no more, lets what is under way end, and breaks off what has not ended within `withinMs`. */
  async close(withinMs: number): Promise<void> {
    this.#closed = true;
    clearInterval(this.#watchdog);
    clearInterval(this.#sweeper);
    this.#fence.close();
    this.outcomes.close();
    const error = new DatabaseUnavailable("the service closes its database connections");
    for (const waiting of this.#backlog.takeAll()) waiting.fail(error);
    this.#connections.retireAll();
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((done) => {
      this.#onEmpty = done;
      timer = setTimeout(done, withinMs);
      this.#tellEmpty();
    });
    clearTimeout(timer);
    for (const link of this.#connections.links) link.destroy(error);
  }

  #tellEmpty(): void {
    if (this.#connections.links.length === 0) this.#onEmpty?.();
  }

  again(run: Run): void {
    this.#retries++;
    if (this.#closed) {
      run.fail(new DatabaseUnavailable("the service closes its database connections"));
      return;
    }
    this.#backlog.putBack(run);
    this.#schedule();
  }

  freed(link: Link): void {
    if (link.retiring) this.#connections.rest(link);
    if (this.#backlog.length > 0) this.#schedule();
  }

  restore(link: Link): void {
    this.#own(link, RESTORE);
    this.#own(link, RESET);
  }

  /** Asks for the position of what was sent before, tells it to the session and calls `done`. */
  learn(link: Link, session: Session, done: () => void): void {
    const identity = this.#connections.identity(link);
    if (identity === undefined) {
      done();
      return;
    }
    const answered = (progress: Progress | undefined) => {
      if (progress === undefined && this.#visibility.replicated) {
        // The next read may go to a standby, and must find there what this has shown or written.
        this.complete(session).then(done, done);
      } else {
        if (progress !== undefined) this.#learned(session, progress);
        done();
      }
      this.freed(link);
    };
    const epoch = this.#epochs.get(link.address) ?? 0;
    this.send(link, positionExchange(this.cluster, identity, epoch, answered));
  }

  /** Asks the primary, once for all who ask at the same time, how far it has come, and tells the session. */
  async complete(session: Session): Promise<void> {
    const { rows } = await this.runStatement(PROGRESS, []);
    const progress = progressOf(rows[0], this.cluster, this.#epochs.get(this.#connections.address) ?? 0);
    if (progress !== undefined) this.#learned(session, progress);
  }

  #learned(session: Session, { position, xmin }: Progress): void {
    this.#visibility.finished(position.timeline, xmin);
    if (this.#visibility.isHeld(session)) session.merge(position);
    else session.complete(position);
  }

  #own(link: Link, statement: Statement): void {
    const end = (error: Error | undefined) => {
      if (error !== undefined) link.destroy(error); // it may be in any state: better none than that
      this.freed(link);
    };
    link.send({ calls: [callOf(statement)], mayWait: true, sent: false, end });
    this.#schedule();
  }

  /** One whose guard, if it needs one, serves this session as well. */
  #twin(statement: Statement, values: readonly Encoded[], session: Session | undefined): Run | undefined {
    const { unsent } = statement;
    if (this.#visibility.mayNeedGuard(session)) return undefined;
    for (let i = unsent.length - 1; i >= 0 && i >= unsent.length - JOIN_SCAN; i--) {
      const run = unsent[i];
      if (run !== undefined && sameValues(run.calls[0].values, values)) return run;
    }
    return undefined;
  }

  /** Refuses when too much waits already. */
  admit(): void {
    if (this.#closed) throw new DatabaseUnavailable("the service has closed its database connections");
    if (this.#backlog.length >= this.#options.maxWaiting) {
      throw new DatabaseBusy(`${this.#options.maxWaiting} statements wait for the database already`);
    }
  }

  /** The session that has sent it is told first, and what it knows then, the others may have seen. */
  #shared(twin: Run, session: Session | undefined): Promise<QueryResult<never>> {
    if (session === undefined || twin.session === undefined) return twin.answer();
    return twin.answer().then((result) => {
      const position = twin.session?.positions.get(this.cluster);
      if (position !== undefined) session.complete(position);
      return result;
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#dispatch);
  }

  readonly #dispatch = (): void => {
    this.#scheduled = false;
    const now = performance.now();
    while (
      this.#backlog.startFirst({ run: (run) => this.#startRun(run, now), reservation: (one) => this.#grant(one, now) })
    );
    if (this.#backlog.length > 0) {
      this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS);
    } else if (this.#sweeper !== undefined) {
      clearInterval(this.#sweeper);
      this.#sweeper = undefined;
    }
    for (const link of this.#connections.links) link.flush();
  };

  #startRun(run: Run, now: number): "started" | "held" | "waits" {
    // Out of the way of those that the fence lets pass, if there can be any.
    if (!this.#fence.admits(run.statement.kind)) return this.#fence.admits("read") ? "held" : "waits";
    const link = leastBusy(this.#connections.links, now, DEPTH);
    if (link === undefined) return "waits";
    if (this.#visibility.isOutdated(run.session, this.#connections.identity(link))) return "held";
    if (run.statement.unsent[0] === run) run.statement.unsent.shift();
    run.start(link);
    const guard = this.guard(link, run.session);
    if (guard !== undefined && run.statement.simple) {
      this.#guardFirst(run, guard);
      return "started";
    }
    this.#sentStatements++;
    link.send(guard === undefined ? run : new Guarded(run, guard, (error) => this.#notVisible(run, error)));
    if (run.session !== undefined) this.learn(link, run.session, run.awaitPosition());
    return "started";
  }

  /** Sent again by itself, it needs no guard any more. */
  #guardFirst(run: Run, guard: Call): void {
    const session = run.session as Session;
    const link = run.link as Link;
    const seen = session.positions.get(this.cluster)?.seen;
    const lost = () => {
      run.reset();
      this.again(run);
    };
    const passed = () => {
      this.#visibility.passed(session, seen);
      lost();
      this.freed(link);
    };
    link.send(guardAlone(guard, run, { passed, lost, failed: (error) => this.#notVisible(run, error) }));
  }

  /** What its session has seen cannot be seen here yet; nothing of the statement was executed. */
  #notVisible(run: Run, error: Error): void {
    const session = run.session as Session;
    run.guardedSince ??= performance.now();
    const { guardedSince, link } = run;
    this.settle(session, error, guardedSince).then(
      () => {
        run.reset();
        this.again(run);
      },
      (late: unknown) => run.fail(late),
    );
    if (link !== undefined) this.freed(link);
  }

  /** One connection is never reserved: what a transaction waits for outside of itself can always run. */
  #grant(reservation: Reservation, now: number): boolean {
    if (!this.#fence.admits()) return false;
    const links = this.#usable();
    const free = this.#connections.links.reduce((n, link) => (link.reserved || link.retiring ? n : n + 1), 0);
    if (free < 2 && links > 1) return false;
    const link = leastBusy(this.#connections.links, now, DEPTH);
    if (link === undefined) return false;
    link.reserved = true;
    reservation.grant(link);
    return true;
  }

  /** Ends what has waited too long, each with the reason that applies now. */
  #sweep(): void {
    const now = performance.now();
    const away = this.#usable() === 0;
    const limit = away || this.#fence.stands ? this.#options.holdMs : this.#options.busyMs;
    for (const waiting of this.#backlog.takeLate(now, limit)) waiting.fail(this.#lateError(away, limit));
    this.#schedule();
  }

  #lateError(away: boolean, limit: number): Error {
    if (this.#fence.stands) return new DatabaseMoving(limit);
    if (!away) return new DatabaseBusy(`no connection became free within ${limit} ms`);
    return new DatabaseUnavailable(`the database could not be reached within ${limit} ms`, { cause: this.#trouble });
  }

  /** Connections that new work can use, now or when what is under way on them ends. */
  #usable(): number {
    return this.#connections.links.reduce((count, link) => (link.retiring ? count : count + 1), 0);
  }

  #watch(): void {
    const { silenceMs } = this.#options;
    if (silenceMs === 0) return;
    for (const link of this.#connections.links) {
      if (link.inFlight > 0 && performance.now() - link.progressAt > silenceMs) {
        link.destroy(new Error(`the database did not answer within ${silenceMs} ms`));
      }
    }
  }
}
