import { AsyncLocalStorage } from "node:async_hooks";
import type { Database } from "./database.ts";
import type { Source } from "./executor.ts";
import { lazyTransaction } from "./lazy-transaction.ts";

/** Runs something as part of a rehearsal. */
export type Within = <T>(work: () => T) => T;

/**
 * Work that leaves nothing behind: what it asks the database for is one transaction, which is rolled back. What it began and
 * did not wait for belongs to it as well, and fails once it is over.
 */
export class Rehearsals {
  readonly #playing = new AsyncLocalStorage<Source>();
  #played = false;

  /** Sends what belongs to a rehearsal into its transaction, and all else to its usual source. */
  over(usual: Source): Source {
    const source = () => (this.#played ? this.#playing.getStore() : undefined) ?? usual;
    return {
      run: (compiled) => source().run(compiled),
      provide: (consumer, options) => source().provide(consumer, options),
    };
  }

  /** @param work is given what makes something else part of it, such as the answering of a request */
  async play<DB>(database: Database<DB>, work: (within: Within) => Promise<void>): Promise<void> {
    this.#played = true;
    const transaction = lazyTransaction(database);
    const within: Within = (part) => this.#playing.run(transaction.source, part);
    try {
      await within(() => work(within));
    } finally {
      await transaction.rollback();
    }
  }
}
