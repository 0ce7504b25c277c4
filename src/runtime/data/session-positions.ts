import type { QueryResult } from "kysely";
import type { DatabaseAddress } from "../../topology/endpoints.ts";
import { currentSession, type Session } from "../session/index.ts";
import { ask } from "./ask.ts";
import type { Call, Exchange } from "./exchange.ts";
import { type Identity, identityOf } from "./identity.ts";
import type { Link } from "./link.ts";
import { PROGRESS, type Progress, positionExchange, progressOf } from "./position.ts";
import type { Run } from "./run.ts";
import type { Statement } from "./statement.ts";
import type { Visibility } from "./visibility.ts";

/** What positions are asked with. */
interface Asked {
  readonly cluster: string;
  /** Where work goes now. */
  readonly address: DatabaseAddress;
  identity(link: Link): Identity | undefined;
  /** Number of the endpoints that named an address. */
  epochOf(address: DatabaseAddress): number;
  runStatement(statement: Statement, values: readonly []): Promise<QueryResult<never>>;
  apart<T>(address: DatabaseAddress, ask: (link: Link) => Promise<T>): Promise<T>;
  send(link: Link, exchange: Exchange): void;
  freed(): void;
}

/** How sessions are told what they have seen of the primary, and how they see no less of it the next time. */
export class SessionPositions {
  readonly #asked: Asked;
  readonly #visibility: Visibility;
  readonly #ambient: Session;

  /** @param ambient session of what runs outside of any request or job */
  constructor(asked: Asked, visibility: Visibility, ambient: Session) {
    this.#asked = asked;
    this.#visibility = visibility;
    this.#ambient = ambient;
  }

  /**
   * Who must be told what a statement saw or wrote: where standbys are read, everybody, because what a session has seen here
   * it must also find there.
   */
  session(writes: boolean): Session | undefined {
    if (!this.#visibility.replicated) return writes ? currentSession() : undefined;
    const session = currentSession() ?? this.#ambient;
    this.#visibility.admit(session);
    return session;
  }

  /** What must go ahead of a session's statement on this connection; see {@link Visibility.guard}. */
  guard(link: Link, session: Session | undefined): Call | undefined {
    return this.#visibility.guard(session, this.#asked.identity(link));
  }

  /** After a guard has failed; see {@link Visibility.settle}. */
  settle(session: Session, error: Error, since: number): Promise<void> {
    return this.#visibility.settle(session, error, since);
  }

  /** Asks for the position of what was sent before, tells it to the session and calls `done`. */
  learn(link: Link, session: Session, done: () => void): void {
    this.ask(link, this.teller(link, session, done));
  }

  /** Asks for the position of what was sent before. */
  ask(link: Link, tell: (row: unknown) => void): void {
    this.#asked.send(link, positionExchange(tell));
  }

  /** Takes the answer for a session, undefined if there is none on this connection, and calls `done` when the session is told. */
  teller(link: Link, session: Session, done: () => void): (row: unknown, from?: Identity) => void {
    const { cluster } = this.#asked;
    const identity = this.#asked.identity(link);
    const epoch = this.#asked.epochOf(link.address);
    return (row, from = identity) => {
      // Of another database, to which work has moved meanwhile, this epoch says nothing.
      const progress = from?.system === identity?.system ? progressOf(row, cluster, epoch, from) : undefined;
      if (progress === undefined && this.#visibility.replicated) {
        // The next read may go to a standby, and must find there what this has shown or written.
        this.complete(session).then(done, done);
      } else {
        if (progress !== undefined) this.#learned(session, progress);
        done();
      }
      this.#asked.freed();
    };
  }

  /** Asks the primary on a connection of its own, where nothing is ahead, for all of these; undefined when it does not answer. */
  async askApart(tellers: readonly ((row: unknown, from?: Identity) => void)[]): Promise<void> {
    const row = await this.#asked.apart(this.#asked.address, (link) => ask(link, PROGRESS)).catch(() => undefined);
    const from = row === undefined ? undefined : identityOf(row);
    for (const tell of tellers) tell(from === undefined ? undefined : row, from);
  }

  /** Asks the primary, once for all who ask at the same time, how far it has come, and tells the session. */
  async complete(session: Session): Promise<void> {
    const { rows } = await this.#asked.runStatement(PROGRESS, []);
    const [row] = rows;
    const { cluster, address } = this.#asked;
    const progress = progressOf(row, cluster, this.#asked.epochOf(address), identityOf(row));
    if (progress !== undefined) this.#learned(session, progress);
  }

  /** The answer to an identical read of another session, which is told first: what it knows then, this one may have seen. */
  shared(twin: Run, session: Session | undefined): Promise<QueryResult<never>> {
    if (session === undefined || twin.session === undefined) return twin.answer();
    return twin.answer().then((result) => {
      const position = twin.session?.positions.get(this.#asked.cluster);
      if (position !== undefined) session.complete(position);
      return result;
    });
  }

  #learned(session: Session, { position, xmin }: Progress): void {
    this.#visibility.finished(position.timeline, xmin);
    if (this.#visibility.isHeld(session)) session.merge(position);
    else session.complete(position);
  }
}
