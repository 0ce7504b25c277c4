import type { QueryResult } from "kysely";
import type { DatabaseAddress } from "../../topology/endpoints.ts";
import { currentSession, type Session } from "../session/index.ts";
import type { Call, Exchange } from "./exchange.ts";
import type { Identity } from "./identity.ts";
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
    const identity = this.#asked.identity(link);
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
      this.#asked.freed();
    };
    const epoch = this.#asked.epochOf(link.address);
    this.#asked.send(link, positionExchange(this.#asked.cluster, identity, epoch, answered));
  }

  /** Asks the primary, once for all who ask at the same time, how far it has come, and tells the session. */
  async complete(session: Session): Promise<void> {
    const { rows } = await this.#asked.runStatement(PROGRESS, []);
    const progress = progressOf(rows[0], this.#asked.cluster, this.#asked.epochOf(this.#asked.address));
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
