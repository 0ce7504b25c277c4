import { setTimeout as delay } from "node:timers/promises";
import type { DatabaseAddress } from "../../topology/endpoints.ts";
import { ask } from "./ask.ts";
import { IDENTITY_COLUMNS, type Identity, identityOf } from "./identity.ts";
import type { Link } from "./link.ts";
import type { Scheduler } from "./scheduler.ts";
import { ownStatement } from "./statement.ts";
import { codeOf } from "./wire/problem.ts";

/** What the server says of a transaction now. `future`: it has never heard of that number. */
export type Told = "committed" | "aborted" | "in progress" | "future" | undefined;

export interface Seen {
  readonly identity: Identity | undefined;
  readonly told: Told;
  /**
   * First transaction number that the server gave out in its present life, if its control file still says so: it does
   * until the first checkpoint after the start.
   */
  readonly firstOfLife: bigint | undefined;
}

export type Outcome = "committed" | "rolled back" | "wait" | "unknown";

/**
 * What became of transaction `xid`, begun on the server `began`, from what the server says after the connection broke.
 *
 * A crash loses the end of the log that was not flushed, and with it the numbers of its transactions, which are then
 * given out again: "committed" may be said of somebody else's transaction. So after a crash it counts only if the number
 * was already taken when the server came back. "Aborted" and "future" are true either way: had ours been committed, its
 * number would have survived. On another timeline nothing counts.
 */
export function outcomeOf(began: Identity, xid: bigint, { identity, told, firstOfLife }: Seen): Outcome {
  if (identity === undefined || identity.system !== began.system || identity.timeline !== began.timeline)
    return "unknown";
  if (told === "aborted" || told === "future") return "rolled back";
  if (told === undefined) return "unknown";
  const sameLife = identity.life === began.life;
  const ours = sameLife || (firstOfLife !== undefined && xid < firstOfLife);
  if (!ours) return "unknown";
  return told === "committed" ? "committed" : "wait";
}

/** The checkpoint that ends a recovery points to itself; one in operation points to an earlier place. */
const LOOK = ownStatement(
  `select pg_xact_status($1::text::xid8) as told,
    (select case when redo_lsn = checkpoint_lsn then split_part(next_xid, ':', 1)::numeric * 4294967296
      + split_part(next_xid, ':', 2)::numeric end::text from pg_control_checkpoint()) as first_of_life, ${IDENTITY_COLUMNS}`,
  "outcome",
  "read",
);

const ASK_AGAIN_MS = 50;

/** Where a transaction was begun. */
export interface Began {
  readonly address: DatabaseAddress;
  readonly identity: Identity;
}

/** Of a scheduler: where work goes now, and a connection for one question. */
type Asks = Pick<Scheduler, "address" | "apart">;

/**
 * Looks until the outcome is certain, or certain to stay unknown, or `withinMs` have passed. The server that the commit
 * was sent to is asked, wherever work goes now: another one knows nothing of it, and a fence does not refuse the question.
 */
export async function lookUpOutcome(
  asks: Asks,
  { address, identity }: Began,
  xid: bigint,
  withinMs: number,
): Promise<"committed" | "rolled back" | "unknown"> {
  for (const until = performance.now() + withinMs; ; ) {
    const outcome = await outcomeAt(asks, address, identity, xid);
    if (outcome !== undefined && outcome !== "wait") return outcome;
    // It may not come back where it was, and be the same server under the new address, as after a move of its socket.
    if (outcome === undefined && asks.address !== address) {
      const elsewhere = await outcomeAt(asks, asks.address, identity, xid);
      if (elsewhere === "committed" || elsewhere === "rolled back") return elsewhere;
    }
    if (performance.now() >= until) return "unknown";
    await delay(ASK_AGAIN_MS);
  }
}

/** Undefined when the server there cannot be asked now. */
function outcomeAt(asks: Asks, at: DatabaseAddress, began: Identity, xid: bigint): Promise<Outcome | undefined> {
  return asks.apart(at, async (link) => outcomeOf(began, xid, await look(link, xid))).catch(() => undefined);
}

async function look(link: Link, xid: bigint): Promise<Seen> {
  try {
    const row = await ask(link, LOOK, [xid]);
    const { told, first_of_life } = row as { told: Told | null; first_of_life: string | null };
    return {
      identity: identityOf(row),
      told: told ?? undefined,
      firstOfLife: first_of_life === null ? undefined : BigInt(first_of_life),
    };
  } catch (error) {
    if (codeOf(error) !== "22023") throw error;
    return { identity: identityOf(await ask(link, WHERE)), told: "future", firstOfLife: undefined };
  }
}

const WHERE = ownStatement(`select ${IDENTITY_COLUMNS}`, "identity", "read");
