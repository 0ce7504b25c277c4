import type { Call, Exchange, Status } from "./exchange.ts";
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

  end(error: Error | undefined, status: Status): void {
    if (isNotVisible(error)) this.#failed(error);
    else this.#run.end(error, status);
  }
}
