import type { Session } from "../session/index.ts";
import type { Call } from "./exchange.ts";
import { Guarded, guardAlone } from "./guarded.ts";
import type { Link } from "./link.ts";
import type { Run } from "./run.ts";
import type { SessionPositions } from "./session-positions.ts";
import type { Visibility } from "./visibility.ts";

interface Host {
  readonly cluster: string;
  /** Puts it first in the queue again. */
  again(run: Run): void;
  freed(): void;
}

/** Statements of sessions whose guard must hold before them. */
export class GuardedRuns {
  readonly #host: Host;
  readonly #visibility: Visibility;
  readonly #positions: SessionPositions;

  constructor(host: Host, visibility: Visibility, positions: SessionPositions) {
    this.#host = host;
    this.#visibility = visibility;
    this.#positions = positions;
  }

  /** Sends a statement behind its guard. */
  send(run: Run, session: Session, link: Link, guard: Call): void {
    link.send(new Guarded(run, guard, (error) => this.#notVisible(run, session, error)));
  }

  /** Sends the guard alone; the statement, sent again by itself, needs none any more. */
  sendAhead(run: Run, session: Session, link: Link, guard: Call): void {
    const seen = session.positions.get(this.#host.cluster)?.seen;
    const lost = () => this.#again(run);
    const passed = () => {
      this.#visibility.passed(session, seen);
      this.#again(run);
      this.#host.freed();
    };
    link.send(guardAlone(guard, run, { passed, lost, failed: (error) => this.#notVisible(run, session, error) }));
  }

  /** What its session has seen cannot be seen here yet; nothing of the statement was executed. */
  #notVisible(run: Run, session: Session, error: Error): void {
    run.guardedSince ??= performance.now();
    const { guardedSince, link } = run;
    this.#positions.settle(session, error, guardedSince).then(
      () => this.#again(run),
      (late: unknown) => run.fail(late),
    );
    if (link !== undefined) this.#host.freed();
  }

  #again(run: Run): void {
    run.reset();
    this.#host.again(run);
  }
}
