import { type Call, type Exchange, LinkLost, type Status } from "./exchange.ts";
import type { Run } from "./run.ts";
import { isNotVisible } from "./visibility.ts";

/** A statement behind a guard: when that fails, the statement is not executed. */
export class Guarded implements Exchange {
  readonly calls: readonly Call[];
  /** The guard may wait on the server, so nothing is queued behind it. */
  readonly mayWait = true;
  readonly #run: Run;
  readonly #failed: (error: Error) => void;

  constructor(run: Run, guard: Call, failed: (error: Error) => void) {
    this.calls = [guard, ...run.calls];
    this.#run = run;
    this.#failed = failed;
  }

  get early(): boolean {
    return this.#run.early;
  }

  get sent(): boolean {
    return this.#run.sent;
  }

  set sent(sent: boolean) {
    this.#run.sent = sent;
  }

  committing(): void {
    this.#run.committing();
  }

  end(error: Error | undefined, status: Status): void {
    if (isNotVisible(error)) this.#failed(error);
    else this.#run.end(error, status);
  }
}

/** What becomes of a statement whose guard was sent alone. Nothing of it was executed yet. */
export interface AfterGuard {
  passed(): void;
  failed(error: Error): void;
  /** The connection broke. */
  lost(): void;
}

/** The guard of a text of several statements, which cannot stand behind it in one exchange. */
export function guardAlone(guard: Call, run: Run, after: AfterGuard): Exchange {
  return {
    calls: [guard],
    mayWait: true,
    sent: false,
    end(error, status) {
      if (error === undefined) after.passed();
      else if (error instanceof LinkLost) after.lost();
      else if (isNotVisible(error)) after.failed(error);
      else run.end(error, status);
    },
  };
}
