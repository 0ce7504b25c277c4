import { fenced, liftFence, notFenced } from "./fence.ts";
import { publish, subscribe, unpublish, unsubscribe, workersGone } from "./flow.ts";
import { passMark } from "./marker.ts";
import { type Flow, type Move, reversed, type StepContext, stream } from "./move.ts";
import { MoveFailed } from "./problem.ts";
import { literal, sequences } from "./relations.ts";

/**
 * Longest wait for the last changes, in milliseconds. The target had caught up before, so a stream that takes this long has
 * stopped; and the service is shut out meanwhile, which its statements outwait for `app.holdMs` only, 15 s by default.
 */
const DRAIN_MS = 8_000;

/**
 * Makes the way back ready, before the pause: the slot at the target, and at the source a subscription that is not yet at
 * work. Proves as well that the source's server can reach the target's.
 */
export async function prepareReverse(move: Move, context: StepContext): Promise<void> {
  if ((await fenced(move.source)) !== "nobody") return; // a later step has begun, so this one had ended
  const back = stream(reversed(move));
  context.progress({ says: `make the way back from ${move.target.name} to ${move.source.name} ready` });
  // A slot of an earlier try has kept much log, through which it would have to be moved inside the pause.
  await unsubscribe(back);
  await unpublish(back, move.schema);
  await publish(back, move.schema, context);
  await subscribe(back, { copy: false, enabled: false });
}

/**
 * Waits until the target holds everything that the fenced source has.
 * @throws MoveFailed `move-late`: unfence, find out why, try again
 */
export async function drainToTarget(move: Move, context: StepContext): Promise<void> {
  if (await isOpen(move)) return;
  if ((await fenced(move.source)) === "nobody") throw notFenced(move.source);
  context.progress({ says: `wait for the last changes to reach ${move.target.name}` });
  if (await handedOver(move)) return;
  await passMark(move, DRAIN_MS, context);
}

/** Sets the target's sequences to where the source's stand; the stream does not carry them. */
export async function copySequences(move: Move, { progress }: StepContext): Promise<void> {
  const { source, target } = move;
  if (await isOpen(move)) return;
  if ((await fenced(source)) === "nobody") throw notFenced(source);
  progress({ says: "copy sequences" });
  const names = await sequences(source);
  if (names.length === 0) return;
  const each = names.map((name) => `select ${literal(name)} as name, last_value, is_called from ${name}`);
  const values = await source.query<{ name: string; last_value: string; is_called: boolean }>(each.join(" union all "));
  const set = values.map((s) => `setval(${literal(s.name)}, ${s.last_value}, ${s.is_called})`);
  // A row holds 1,664 columns at most.
  for (let at = 0; at < set.length; at += 1_000) await target.query(`select ${set.slice(at, at + 1_000).join(", ")}`);
}

/**
 * Turns the stream round. The subscription forward ends; the slot of the way back skips all that came from the source,
 * so that nothing goes in a circle; then the source follows the target.
 * @see PostgreSQL 15 manual 31.6 and 9.27.6; versions before 16 have no `origin` option
 */
export async function reverse(move: Move, context: StepContext): Promise<void> {
  const { source, target } = move;
  if (await isOpen(move)) return;
  if ((await fenced(source)) === "nobody") throw notFenced(source);
  const [there, back] = [stream(move), stream(reversed(move))];
  if (await handedOver(move)) return;
  context.progress({ says: `let ${source.name} follow ${target.name}` });
  // Ending a stream that is not drained would lose writes, whoever forgot the step before. One that is disabled was drained by
  // an earlier try of this step.
  if (await follows(there)) await passMark(move, DRAIN_MS, context);
  await target.query(`alter subscription ${there.name} disable`);
  await workersGone(target, there.name);
  const [upTo] = await target.query<{ lsn: string }>("select pg_current_wal_flush_lsn()::text as lsn");
  const [moved] = await target.query<{ enough: boolean }>(
    "select (pg_replication_slot_advance($1, $2::pg_lsn)).end_lsn >= $2::pg_lsn as enough",
    [back.name, upTo?.lsn],
  );
  if (moved?.enough !== true) {
    const says = `the slot ${back.name} could not be moved past what came from ${source.name}`;
    throw new MoveFailed("move-late", { at: target.name, says, fix: "try again" });
  }
  await source.query(`alter subscription ${back.name} enable`);
}

/** Whether the stream was turned round already: the source follows the target. */
export async function handedOver(move: Move): Promise<boolean> {
  return follows(stream(reversed(move)));
}

/** Whether the subscription is there and enabled. */
export async function follows({ name, to }: Flow): Promise<boolean> {
  const found = await to.query("select from pg_subscription where subname = $1 and subenabled", [name]);
  return found.length > 0;
}

/** Whether the target is open to the service. */
export async function isOpen({ target }: Move): Promise<boolean> {
  return (await fenced(target)) === "nobody";
}

/**
 * Opens the target to the service: the point of no return, after which the way back is {@link reverseMove}.
 * @throws MoveFailed `move-order` unless the source is closed to all and follows the target
 */
export async function open(move: Move, { progress }: StepContext): Promise<void> {
  const { source, target, schema } = move;
  if (await isOpen(move)) return;
  if ((await fenced(source)) !== "all" || !(await handedOver(move))) throw notFenced(source);
  progress({ says: `open ${target.name}` });
  await liftFence(target, schema);
}

/** After {@link open}: ends the stream forward, which is at rest. The stream back goes on. */
export async function endForward(move: Move, { progress }: StepContext): Promise<void> {
  if (!(await isOpen(move))) return;
  progress({ says: `end the stream from ${move.source.name}` });
  await unsubscribe(stream(move));
  await unpublish(stream(move), move.schema);
}
