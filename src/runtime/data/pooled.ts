import { setTimeout as delay } from "node:timers/promises";
import type { Source } from "./executor.ts";
import { type Failure, Lease } from "./lease.ts";
import type { Router } from "./router.ts";

/** Runs of one transaction in all, by why it failed. */
const MOST_RUNS: Record<Failure, number> = { conflict: 6, stale: 3, lost: 5, fenced: 10, denied: 2 };
const PAUSE_MS = 5;

/**
 * The usual source: any connection for a statement, a standby's for a read, a lease for everything else. A transaction that was given as a
 * function is run again from its beginning when its connection broke before it was committed, on a serialization failure
 * or deadlock, when a migration changed a prepared statement under it, and where the database has moved to.
 */
export function pooledSource(router: Router): Source {
  const { scheduler } = router;
  return {
    run: (compiled) => router.run(compiled),
    async provide(consumer, options) {
      // Kysely gives options, if empty ones, for `db.connection()` and for statements with a signal: those are not run again.
      const mayRunAgain = options === undefined;
      const until = performance.now() + scheduler.holdMs;
      for (let run = 1; ; run++) {
        const lease = new Lease(scheduler);
        try {
          return await consumer(lease);
        } catch (error) {
          const { failure } = lease;
          if (!mayRunAgain || failure === undefined || run >= MOST_RUNS[failure]) throw error;
          const waited = failure === "lost" || failure === "fenced";
          if (waited && performance.now() > until) throw error;
        } finally {
          lease.release();
        }
        scheduler.countRetry();
        await delay(Math.random() * PAUSE_MS * 2 ** Math.min(run, 6)); // two that were in conflict must not meet again
      }
    },
  };
}
