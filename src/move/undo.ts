import { prepareRoles } from "../engines/postgres/index.ts";
import { handedOver, isOpen } from "./cutover.ts";
import { fenced, liftFence } from "./fence.ts";
import { unpublish, unsubscribe, workersGone } from "./flow.ts";
import { type Move, reversed, type StepContext, stream } from "./move.ts";
import { dropNotes, giveBack, hasNotes } from "./notes.ts";
import { MoveFailed } from "./problem.ts";
import { isUnreachable, type OpenSide, openSide } from "./side.ts";
import { untilLocked } from "./wait.ts";

const NO_SUCH_DATABASE = "3D000";

/**
 * Undoes fence, fenceReads and reverse: the source serves again, and the target follows it as before, so that the cut-over may
 * be tried again. Safe at any time before {@link open}.
 * @throws MoveFailed `move-order` when the target was opened; `move-unreachable` when the target cannot be asked whether it
 *   was, and it may have been
 */
export async function unfence(move: Move, { progress }: StepContext): Promise<void> {
  const { source, target, schema } = move;
  const phase = await fenced(source);
  if (phase === "nobody" && !(await handedOver(move))) return;
  // Open needs `all`; before that, a target that cannot be reached is surely closed.
  const reachable = await refuseIfOpen(move).catch((cause: unknown) => {
    if (phase === "all" || !isUnreachable(cause)) throw cause;
    return false;
  });
  progress({ says: `open ${source.name} again` });
  const [there, back] = [stream(move), stream(reversed(move))];
  if (await handedOver(move)) {
    await source.query(`alter subscription ${back.name} disable`);
    await workersGone(source, back.name);
  }
  if (reachable) await target.query(`alter subscription ${there.name} enable`);
  await liftFence(source, schema);
}

/**
 * Gives the whole move up before the point of no return. The source is as it was: no fence, slot, publication, subscription, role,
 * changed identity or schema of the move is left. What was copied to the target goes, if the target can be reached.
 * Safe at any time before {@link open}, and again.
 * @throws MoveFailed `move-order` when the target was opened; `move-unreachable`
 */
export async function abandon(move: Move, context: StepContext): Promise<void> {
  const { source, target, schema } = move;
  const began = await hasNotes(source, schema);
  if (began) await unfence(move, context);
  const reachable = await answers(target);
  if (reachable && !began) {
    if (!(await hasNotes(target, schema))) return;
    await refuseIfOpen(move);
  }
  const [there, back] = [stream(move), stream(reversed(move))];
  await unsubscribe(back);
  if (reachable) {
    await unsubscribe(there);
    await unpublish(back, schema);
    if (await hasNotes(target, schema)) await dropDatabase(target);
    await prepareRoles(target.server, target.database, target.passwords);
  }
  await unpublish(there, schema);
  await forget(source, schema, context);
}

/**
 * Ends the time in which the move could be undone: nothing follows any more, and neither side holds anything of the move. The
 * old copy stays closed, and may be destroyed. The old side need not be reachable.
 * @throws MoveFailed `move-order` before the target is open
 */
export async function dropOld(move: Move, context: StepContext): Promise<void> {
  const { source, target, schema } = move;
  if (!(await isOpen(move))) {
    const says = "it is not open yet, so the old copy is the one that serves";
    throw new MoveFailed("move-order", { at: target.name, says, fix: "finish the move first, or abandon it" });
  }
  const [there, back] = [stream(move), stream(reversed(move))];
  await unsubscribe(there);
  const old = async () => {
    await unsubscribe(back);
    await unpublish(there, schema);
    if (await hasNotes(source, schema)) await source.transaction((client) => dropNotes(client, schema));
  };
  await old().catch((cause: unknown) => {
    if (!isUnreachable(cause)) throw cause;
  });
  await unpublish(back, schema);
  await forget(target, schema, context);
}

/** Whether the target could be asked; throws when it is open. */
async function refuseIfOpen(move: Move): Promise<true> {
  if (!(await hasNotes(move.target, move.schema)) || !(await isOpen(move))) return true;
  const says = "it is open and may hold writes that the source has not seen";
  throw new MoveFailed("move-order", { at: move.target.name, says, fix: "go back with reverseMove, which loses none" });
}

/** Identities of rows as they were, and the notes and the guard gone, on a side that goes on serving. */
async function forget(side: OpenSide, schema: string, { signal }: StepContext): Promise<void> {
  if (!(await hasNotes(side, schema))) return;
  await untilLocked(
    () =>
      side.transaction(async (client) => {
        await client.query("set local lock_timeout = 200; set local deadlock_timeout = '20ms'");
        await client.query(giveBack(schema, ["identity"]));
        await dropNotes(client, schema);
      }),
    {
      withinMs: 30_000,
      signal,
      at: side.name,
      what: "take the move's notes away",
      blocker: async () => "a table is in use",
    },
  );
}

/** Whether the target can be reached. One that was killed while its database was made anew has none, and gets it. */
async function answers(target: OpenSide): Promise<boolean> {
  try {
    await target.query("select");
    return true;
  } catch (cause) {
    if (!isUnreachable(cause)) throw cause;
    const { code } = (cause as { cause?: { code?: string } }).cause ?? {};
    if (code !== NO_SUCH_DATABASE) return false;
    await prepareRoles(target.server, target.database, target.passwords);
    return true;
  }
}

/** With everything in it; the caller makes it anew. */
async function dropDatabase(side: OpenSide): Promise<void> {
  const name = `"${side.database.replaceAll('"', '""')}"`;
  await side.close();
  const maintenance = openSide({ ...side, database: "postgres" }, "ninefold move");
  try {
    await maintenance.query(`drop database if exists ${name} with (force)`);
  } finally {
    await maintenance.close();
  }
}
