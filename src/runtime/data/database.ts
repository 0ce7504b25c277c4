import type { Kysely } from "kysely";
import type { Logger } from "pino";
import type { DatabaseAddress, Endpoints } from "../../topology/endpoints.ts";
import { DatabaseUnavailable } from "./errors.ts";
import { kyselyOn } from "./kysely.ts";
import { pooledSource } from "./pooled.ts";
import { Rehearsals, type Within } from "./rehearsal.ts";
import { type ClusterPlace, Router } from "./router.ts";
import type { Scheduler } from "./scheduler.ts";
import type { DatabaseStats } from "./scheduler-options.ts";
import { ownStatement } from "./statement.ts";

export interface DatabaseOptions {
  readonly endpoints: Endpoints;
  readonly credentials: { readonly user: string; readonly password: string };
  /** Connections kept open, 1 or more. With 2 or more, one is never held by a transaction. */
  readonly connections: number;
  /** Longest wait for a database that is away, in milliseconds, 0 to 60,000; 0 fails at once. */
  readonly holdMs: number;
  readonly log?: Logger;
  /** What PostgreSQL shows in pg_stat_activity, such as the instance's name. */
  readonly applicationName?: string;
  /** Name of the cluster in the endpoints document; default `main`. */
  readonly cluster?: string;
  /** Longest wait for a free connection, in milliseconds; default 5,000. */
  readonly busyMs?: number;
  /** Most statements and transactions that wait at a time; default 1,000. More are refused with {@link DatabaseBusy}. */
  readonly maxWaiting?: number;
  /** Longest time one statement may take on the server, in milliseconds; default 30,000, 0 for any. */
  readonly statementTimeoutMs?: number;
  /** Longest wait for one lock, in milliseconds; default 0, for any (the statement's limit still holds). */
  readonly lockTimeoutMs?: number;
  /** Longest time a transaction may do nothing while it is open, in milliseconds; default 30,000, 0 for any. */
  readonly idleTransactionMs?: number;
  /** A standby that is further behind gets no reads, in milliseconds; default 10,000. */
  readonly maxLagMs?: number;
  /**
   * Whether raw text is parsed to know if it only reads; default true. Without, it counts as a write: for what is over soon,
   * since the parser takes a tenth of a second to load.
   */
  readonly parseRaw?: boolean;
  /** Called often while the database is away or fenced: newer endpoints may be there without our having been told. */
  readonly onTrouble?: () => void;
}

/** A service's database. Made by {@link openDatabase}. */
export interface Database<DB> {
  readonly db: Kysely<DB>;
  /** @throws DatabaseUnavailable if the database does not answer within `withinMs` (default 1,000) */
  ping(withinMs?: number): Promise<void>;
  stats(): DatabaseStats;
  /**
   * Follows the database to another address. What was denied by a fence at the old one runs again there, transactions
   * given as a function from their beginning; other open transactions end where they are.
   */
  setEndpoints(endpoints: Endpoints): void;
  /** Epoch of the endpoints that are in use: it rises once nothing of an earlier address is used, and the upcoming one is ready. */
  epochInUse(): number;
  /**
   * Ends all connections: what still waits fails with {@link DatabaseUnavailable}, what is under way may end within
   * `withinMs` (default 5,000).
   */
  close(withinMs?: number): Promise<void>;
  /**
   * For other connections to this database: whether a statement that failed with `error` at that address may run again.
   * Waits for as long as the database is being moved. False for an error that no move has caused.
   */
  afterFence(error: unknown, at: DatabaseAddress): Promise<boolean>;
  /**
   * Runs `work` for practice: what it asks `db` for is one transaction, which is rolled back at its end. `transaction()` makes a
   * savepoint there.
   */
  rehearse(work: (within: Within) => Promise<void>): Promise<void>;
  /** For Ninefold's own parts. */
  readonly scheduler: Scheduler;
}

/** A silent server is given this much longer than a statement may take before its connection is given up. */
const GRACE_MS = 5_000;
const CONNECT_TIMEOUT_MS = 5_000;

/** Opens a database. Returns at once: connections are made in the background, and statements wait for them. */
export function openDatabase<DB>(options: DatabaseOptions): Database<DB> {
  const { cluster = "main", statementTimeoutMs = 30_000, lockTimeoutMs = 0, idleTransactionMs = 30_000 } = options;
  const router = new Router({
    cluster,
    place: placeOf(options.endpoints, cluster),
    epoch: options.endpoints.epoch,
    connections: options.connections,
    holdMs: options.holdMs,
    busyMs: options.busyMs ?? 5_000,
    maxWaiting: options.maxWaiting ?? 1_000,
    silenceMs: statementTimeoutMs === 0 ? 0 : statementTimeoutMs + GRACE_MS,
    link: {
      ...options.credentials,
      applicationName: options.applicationName ?? "ninefold",
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      settings: {
        statement_timeout: statementTimeoutMs,
        lock_timeout: lockTimeoutMs,
        idle_in_transaction_session_timeout: idleTransactionMs,
        client_min_messages: "warning", // one of which tells that a commit is not with the standbys
      },
    },
    parseRaw: options.parseRaw ?? true,
    log: options.log,
    onTrouble: options.onTrouble ?? (() => undefined),
    maxLagMs: options.maxLagMs ?? 10_000,
  });
  const { scheduler } = router;
  const rehearsals = new Rehearsals();
  const database: Database<DB> = {
    db: kyselyOn<DB>(rehearsals.over(pooledSource(router))),
    ping: (withinMs = 1_000) => ping(scheduler, withinMs),
    stats: () => router.stats(),
    setEndpoints: (endpoints) => router.move(placeOf(endpoints, cluster), endpoints.epoch),
    epochInUse: () => router.epochInUse(),
    afterFence: (error, at) => scheduler.afterFence(error, at),
    close: (withinMs = 5_000) => router.close(withinMs),
    rehearse: (work) => rehearsals.play(database, work),
    scheduler,
  };
  return database;
}

const PING = ownStatement("select 1", "ping", "read");

async function ping(scheduler: Scheduler, withinMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new DatabaseUnavailable(`the database did not answer within ${withinMs} ms`);
    timer = setTimeout(reject, withinMs, error);
  });
  try {
    await Promise.race([scheduler.runStatement(PING, []), late]);
  } finally {
    clearTimeout(timer);
  }
}

function placeOf(endpoints: Endpoints, cluster: string): ClusterPlace {
  const found = endpoints.clusters[cluster];
  if (found === undefined) throw new DatabaseUnavailable(`the endpoints document knows no cluster \`${cluster}\``);
  return found;
}
