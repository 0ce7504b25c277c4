import type { CompiledQuery, QueryResult } from "kysely";
import type { DatabaseAddress } from "../../topology/endpoints.ts";
import type { Session } from "../session/index.ts";
import { Backlog, type Reservation } from "./backlog.ts";
import { DEPTH, isBusy, leastBusy } from "./busy.ts";
import { reset, rollBackAndReset } from "./cleanup.ts";
import { Connections, type ConnectionsEvents, isSame } from "./connections.ts";
import { Epochs } from "./epochs.ts";
import { DatabaseBusy, DatabaseMoving, DatabaseUnavailable } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { type Denial, Fence, phaseOn } from "./fence.ts";
import { GuardedRuns } from "./guarded-runs.ts";
import type { Identity } from "./identity.ts";
import type { Link } from "./link.ts";
import { OutcomeRows } from "./outcome-rows.ts";
import { OwedPositions } from "./owed-positions.ts";
import { Run, type RunHost } from "./run.ts";
import type { DatabaseStats, SchedulerOptions } from "./scheduler-options.ts";
import { SessionPositions } from "./session-positions.ts";
import { type Statement, Statements } from "./statement.ts";
import type { Visibility } from "./visibility.ts";
import { encodeValues, sameValues } from "./wire/values.ts";
import type { Encoded } from "./wire/writer.ts";

const JOIN_SCAN = 16;
const SWEEP_MS = 25;

/**
 * Gives each statement a connection. What is asked for while the process handles one batch of events goes out together
 * at its end: one system call for each connection, and identical reads are sent once.
 */
export class Scheduler implements RunHost {
  readonly statements: Statements;
  readonly holdMs: number;
  readonly cluster: string;
  /** What became of writes whose connection broke. */
  readonly outcomes = new OutcomeRows(this);
  /** What sessions have seen, and must see. */
  readonly positions: SessionPositions;
  readonly #options: SchedulerOptions;
  readonly #visibility: Visibility;
  readonly #connections: Connections;
  readonly #guarded: GuardedRuns;
  readonly #owed: OwedPositions;
  readonly #fence: Fence;
  readonly #backlog = new Backlog();
  readonly #watchdog: NodeJS.Timeout;
  readonly #epochs: Epochs;
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
    this.statements = new Statements(options.parseRaw ? undefined : () => undefined);
    this.holdMs = options.holdMs;
    this.cluster = options.cluster;
    this.#epochs = new Epochs(options.address, options.epoch);
    this.positions = new SessionPositions(this, options.visibility, options.ambient);
    this.#owed = new OwedPositions({
      ask: (link, owed) => this.positions.ask(link, owed.tell),
      askApart: (late) => void this.positions.askApart(late.map(({ tell }) => tell)),
    });
    this.#guarded = new GuardedRuns(this, options.visibility, this.positions);
    const known = () => this.statements.usual;
    const events: ConnectionsEvents = {
      ready: (link) => {
        if (this.#trouble !== undefined) options.log?.info({ address: link.address }, "database is back");
        this.#trouble = undefined;
        if (this.#connections.usable === 1) this.#backlog.reopen(); // what waits does so for a connection, no longer for the database
        this.#schedule();
      },
      lost: (link) => {
        this.#owed.take(link)?.tell(undefined);
        this.#tellEmpty();
        this.#schedule();
      },
      failed: (error) => {
        if (this.#trouble === undefined)
          options.log?.warn({ err: error, address: this.#connections.address }, "database is away");
        this.#trouble = error;
        options.onTrouble();
      },
    };
    this.#connections = new Connections(options.address, options.connections, options.link, events, { known });
    this.#fence = new Fence({
      place: () => this.#connections.address,
      ask: () => {
        const link = leastBusy(this.#connections.links, performance.now(), Number.POSITIVE_INFINITY);
        if (link === undefined) return this.#connections.apart(this.#connections.address, phaseOn);
        return phaseOn(link).finally(() => this.freed());
      },
      met: (phase) => options.log?.info({ fenced: phase }, "the database is being moved; what it denies waits"),
      waiting: () => options.onTrouble(),
      opened: () => {
        this.#backlog.reopen();
        this.#schedule();
      },
    });
    this.#watchdog = setInterval(() => this.#connections.endSilent(options.silenceMs), 1_000).unref();
  }

  /** Runs a statement on any connection. */
  run(compiled: CompiledQuery): Promise<QueryResult<never>> {
    const statement = this.statements.of(compiled);
    return this.runStatement(
      statement,
      encodeValues(compiled.parameters),
      this.positions.session(statement.kind !== "read"),
    );
  }

  /** @param session to be told how far the log has come by then */
  runStatement(statement: Statement, values: readonly Encoded[], session?: Session): Promise<QueryResult<never>> {
    const read = statement.kind === "read";
    if (read) {
      const twin = this.#twin(statement, values, session);
      if (twin !== undefined) {
        this.#joined++;
        return this.positions.shared(twin, session);
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
    if (used) {
      reset(link, () => this.freed());
      this.#schedule();
    }
    link.reserved = false;
    this.freed();
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

  /** Whether the cluster has standbys, any of which may become the primary. */
  get replicated(): boolean {
    return this.#visibility.replicated;
  }

  /** Number of the endpoints that named where work goes. */
  get epoch(): number {
    return this.#epochs.current;
  }

  epochOf(address: DatabaseAddress): number {
    return this.#epochs.of(address);
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
    this.move(address, this.epoch, upcoming);
    for (const link of former) link.destroy(new Error("another member has become the primary"));
  }

  /** Follows the database to another address, named by endpoints of this number, and makes ready for where it goes next. */
  move(address: DatabaseAddress, epoch: number, upcoming?: DatabaseAddress): void {
    this.epochInUse(); // while all still stand under the former ones
    const at = this.#connections.move(address);
    this.#epochs.move(at ?? this.#connections.address, epoch);
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

  /** See {@link Epochs.inUse}. */
  epochInUse(): number {
    const { links, address, prepared } = this.#connections;
    const over = (link: Link) => link.address === address || (link.retiring && !isBusy(link));
    return this.#epochs.inUse(prepared && links.some((link) => !link.retiring) && links.every(over));
  }

  /** Why the server that a connection led to has denied a statement; never rejects. */
  whyDenied(place: DatabaseAddress): Promise<Denial> {
    return this.#fence.look(place);
  }

  /** For others who are connected to the same database; see {@link Fence.mayRunAgain}. */
  afterFence(error: unknown, place: DatabaseAddress): Promise<boolean> {
    return this.#fence.mayRunAgain(error, place);
  }

  /** A connection for one question to the server at `address`, whether or not work still goes there. */
  apart<T>(address: DatabaseAddress, ask: (link: Link) => Promise<T>): Promise<T> {
    return this.#connections.apart(address, ask);
  }

  stats(): DatabaseStats {
    const { links } = this.#connections;
    const busy = links.filter(isBusy).length;
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

  freed(): void {
    if (this.#backlog.length > 0) this.#schedule();
  }

  committing(): void {
    this.#schedule();
  }

  restore(link: Link): void {
    rollBackAndReset(link, () => this.freed());
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
      this.#connections.hurry();
      this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS);
    } else if (this.#sweeper !== undefined) {
      clearInterval(this.#sweeper);
      this.#sweeper = undefined;
    }
    this.#owed.askDue(this.#backlog.length > 0, now);
    for (const link of this.#connections.links) link.flush();
  };

  #startRun(run: Run, now: number): "started" | "held" | "waits" {
    // Out of the way of those that the fence lets pass, if there can be any.
    if (!this.#fence.admits(run.statement.kind)) return this.#fence.admits("read") ? "held" : "waits";
    // In a standby's stall a write would wait anywhere; what reads, or is a transaction, need not.
    const behindCommit = this.replicated && run.statement.kind === "write" && run.statement.atomic;
    const link = leastBusy(this.#connections.links, now, DEPTH, behindCommit);
    if (link === undefined) return "waits";
    if (this.#visibility.isOutdated(run.session, this.#connections.identity(link))) return "held";
    if (run.statement.unsent[0] === run) run.statement.unsent.shift();
    const { session } = run;
    const guard = this.positions.guard(link, session);
    const owed = this.#owed.take(link);
    run.start(link, owed === undefined || guard !== undefined ? undefined : () => this.#owed.carry(owed));
    if (owed !== undefined && !run.carries) this.positions.ask(link, owed.tell);
    if (guard !== undefined && session !== undefined && run.statement.simple) {
      this.#guarded.sendAhead(run, session, link, guard);
      return "started";
    }
    this.#sentStatements++;
    if (guard !== undefined && session !== undefined) this.#guarded.send(run, session, link, guard);
    else link.send(run);
    if (session === undefined) return "started";
    const tell = this.positions.teller(link, session, run.awaitPosition());
    if (run.early && guard === undefined) this.#owed.add(link, { run, tell });
    else this.positions.ask(link, tell);
    return "started";
  }

  /** One connection is never reserved: what a transaction waits for outside of itself can always run. */
  #grant(reservation: Reservation, now: number): boolean {
    if (!this.#fence.admits()) return false;
    const links = this.#connections.usable;
    const free = this.#connections.links.reduce((n, link) => (link.reserved || link.retiring ? n : n + 1), 0);
    if (free < 2 && links > 1) return false;
    const link = leastBusy(this.#connections.links, now, DEPTH);
    if (link === undefined) return false;
    link.reserved = true;
    this.#owed.askBefore(link);
    reservation.grant(link);
    return true;
  }

  /** Ends what has waited too long, each with the reason that applies now. */
  #sweep(): void {
    const now = performance.now();
    const away = this.#connections.usable === 0;
    const limit = away || this.#fence.stands ? this.#options.holdMs : this.#options.busyMs;
    for (const waiting of this.#backlog.takeLate(now, limit)) waiting.fail(this.#lateError(away, limit));
    this.#schedule();
  }

  #lateError(away: boolean, limit: number): Error {
    if (this.#fence.stands) return new DatabaseMoving(limit);
    if (!away) return new DatabaseBusy(`no connection became free within ${limit} ms`);
    return new DatabaseUnavailable(`the database could not be reached within ${limit} ms`, { cause: this.#trouble });
  }
}
