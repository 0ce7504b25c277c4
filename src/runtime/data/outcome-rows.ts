import { getRandomValues } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { QueryResult } from "kysely";
import { parseLsn, type Session } from "../session/index.ts";
import { type Call, callOf } from "./exchange.ts";
import { IDENTITY_COLUMNS, type Identity, identityOf } from "./identity.ts";
import { PROGRESS_COLUMNS } from "./position.ts";
import { ownStatement, type Statement } from "./statement.ts";
import { encodeValues } from "./wire/values.ts";
import type { Encoded } from "./wire/writer.ts";

/** A row that a write, or a transaction that wrote, leaves behind if and only if it is committed. */
export interface OutcomeRow {
  readonly id: string;
  /** Makes the row; goes out together with the write, or with COMMIT. */
  readonly call: Call;
  /** The server, and its process, that was to make it. */
  readonly began: Identity;
}

/** What the primary of now says of several rows. */
export interface Findings {
  readonly system: string;
  readonly timeline: number;
  readonly there: ReadonlySet<string>;
  /** Processes, as {@link Identity.backend} names them, that were known to have ended before the rows were looked for. */
  readonly ended: ReadonlySet<string>;
}

/**
 * What became of the write. A row that is there was committed. One that is not there may still come from the process that
 * was to make it, if that lives, on the same timeline only: on a later one no process of an earlier one writes any more.
 * An earlier timeline is that of a primary which has been replaced and does not know it yet.
 */
export function outcomeOfRow({ id, began }: OutcomeRow, found: Findings): "committed" | "rolled back" | "wait" {
  if (found.system !== began.system) return "wait";
  if (found.there.has(id)) return "committed";
  if (found.timeline < began.timeline) return "wait";
  return found.timeline > began.timeline || found.ended.has(began.backend) ? "rolled back" : "wait";
}

/** What this needs of the scheduler of the primary. */
interface Host {
  readonly holdMs: number;
  readonly cluster: string;
  /** Whether rows are kept: where there are standbys. */
  readonly replicated: boolean;
  /** Number of the endpoints that named where work goes. */
  readonly epoch: number;
  runStatement(statement: Statement, parameters: readonly Encoded[]): Promise<QueryResult<never>>;
}

interface Waiting {
  readonly row: OutcomeRow;
  settle(
    outcome: "committed" | "rolled back" | "unknown",
    found?: { system: string; timeline: number; lsn: string },
  ): void;
}

const INSERT = "insert into ninefold.outcomes (id) values ($1)";
const KEEP = ownStatement(INSERT, "outcome_row", "write");
const KEEP_AND_TELL = ownStatement(`${INSERT} returning ${PROGRESS_COLUMNS}`, "outcome_row_tells", "write");
const ENDED = ownStatement(
  `select array(select b from unnest($1::text[]) b where not exists (
     select from pg_stat_get_activity(split_part(b, ' ', 1)::int) a
     where a.pid || ' ' || extract(epoch from a.backend_start) = b)) as ended, ${IDENTITY_COLUMNS}`,
  "outcome_ended",
  "unknown",
);
const LOOK_UP = ownStatement("select * from ninefold.look_up_outcomes($1)", "outcome_look_up", "unknown");
const SWEEP = ownStatement("select ninefold.sweep_outcomes()", "outcome_sweep", "unknown");

const ASK_AGAIN_MS = 20;
const SWEEP_MS = 120_000;

/**
 * Outcomes of writes where any member of the cluster may become the primary. The number of a transaction proves nothing
 * there, because a new primary may give the same number to another; a row written by the transaction does.
 * @see docs/decisions/0010-outcomes-across-a-failover.md
 */
export class OutcomeRows {
  readonly #host: Host;
  readonly #ids = new BigInt64Array(128);
  #nextId = 0;
  readonly #waiting = new Set<Waiting>();
  #looking = false;
  readonly #sweeper: NodeJS.Timeout;

  constructor(host: Host) {
    this.#host = host;
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS * (0.5 + Math.random())).unref();
  }

  close(): void {
    clearInterval(this.#sweeper);
  }

  /**
   * A row for one attempt at a write on that server; undefined where none are kept.
   * @param tells how far the log has come, in its answer
   */
  next(began: Identity | undefined, tells = false): OutcomeRow | undefined {
    if (!this.#host.replicated || began === undefined) return undefined;
    if (this.#nextId === 0) getRandomValues(this.#ids);
    const id = String(this.#ids[this.#nextId]);
    this.#nextId = (this.#nextId + 1) % this.#ids.length;
    return { id, call: callOf(tells ? KEEP_AND_TELL : KEEP, [id]), began };
  }

  /**
   * Looks on whoever is the primary until the outcome is certain, and, if it was committed, is with the standbys that a
   * commit has to wait for; or until `holdMs` have passed. Tells the session how far the log had come by then.
   */
  lookUp(row: OutcomeRow, session: Session | undefined): Promise<"committed" | "rolled back" | "unknown"> {
    const { holdMs, cluster, epoch } = this.#host;
    return new Promise((resolve) => {
      const waiting: Waiting = {
        row,
        settle: (outcome, found) => {
          clearTimeout(timer);
          this.#waiting.delete(waiting);
          if (found !== undefined) session?.merge({ ...place(found), cluster, epoch });
          resolve(outcome);
        },
      };
      const timer = setTimeout(() => waiting.settle("unknown"), holdMs);
      this.#waiting.add(waiting);
      void this.#look();
    });
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    while (this.#waiting.size > 0) {
      // Another primary may be there in a moment, or the same one again: only time can end this.
      await this.#ask([...this.#waiting]).catch(() => undefined);
      if (this.#waiting.size > 0) await delay(ASK_AGAIN_MS);
    }
    this.#looking = false;
  }

  /** First which processes have ended, then which rows are there: in this order nothing can come in between. */
  async #ask(batch: readonly Waiting[]): Promise<void> {
    const backends = [...new Set(batch.map(({ row }) => row.began.backend))];
    const [first] = (await this.#host.runStatement(ENDED, encodeValues([backends]))).rows as { ended: string[] }[];
    const [found] = (await this.#host.runStatement(LOOK_UP, encodeValues([batch.map(({ row }) => row.id)])))
      .rows as LookedUp[];
    if (first === undefined || found === undefined) return;
    const before = identityOf(first);
    const same = before?.system === found.system && before.timeline === found.timeline;
    const findings: Findings = {
      system: found.system,
      timeline: found.timeline,
      there: new Set(found.there),
      ended: new Set(same ? first.ended : []),
    };
    for (const waiting of batch) {
      const outcome = outcomeOfRow(waiting.row, findings);
      if (outcome !== "wait") waiting.settle(outcome, outcome === "committed" ? found : undefined);
    }
  }

  /** Any instance may, and one is enough: the next one will if it cannot. */
  #sweep(): void {
    if (this.#host.replicated) this.#host.runStatement(SWEEP, []).catch(() => undefined);
  }
}

interface LookedUp {
  readonly system: string;
  readonly timeline: number;
  readonly lsn: string;
  readonly there: string[];
}

function place({ system, timeline, lsn }: { system: string; timeline: number; lsn: string }) {
  return { system, timeline, lsn: parseLsn(lsn) };
}
