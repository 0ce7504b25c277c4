import { join } from "node:path";
import { systemPostgres } from "../engines/packages.ts";
import { databasePasswords } from "../engines/postgres/index.ts";
import {
  abandon,
  COPY_STEPS,
  CUT_OVER_STEPS,
  catchUp,
  checkMovable,
  dropOld,
  fenced,
  isOpen,
  type Move,
  openMove,
  type Progress,
  reversed,
  type Side,
  unfence,
  verify,
} from "../move/index.ts";
import type { MoveRef } from "../plan/step.ts";
import { openBackground } from "../processors/background.ts";
import type { InstanceName } from "../topology/names.ts";
import type { ClusterRef } from "./clusters/cluster.ts";
import type { StatePaths } from "./paths.ts";
import { StepFailed } from "./problem.ts";
import { passwordsFile } from "./secrets.ts";
import type { MoveActions, StepContext, World } from "./world.ts";

type Clusters = Pick<World, "cluster" | "publishEndpoints"> & {
  /** Waits until the service uses the endpoints that were published; gives the instances that do not in time. */
  readonly inUse: (options: { withinMs: number; signal: AbortSignal }) => Promise<readonly InstanceName[]>;
  /** Free room on the disk of an instance, in bytes. */
  readonly freeBytes: (name: InstanceName) => Promise<number>;
};

/** Longest wait for the service to reach the new cluster before the pause, and to have left the old one after it; milliseconds. */
const PREPARE_MS = 15_000;
const LEAVE_MS = 5_000;

/** Steps of a move by their names in `src/move`. */
const COPY = new Map(COPY_STEPS.map((step) => [step.name, step]));

/** The steps of moves between clusters. Connections are opened for each, before anything has to wait for it. */
export function moveSteps(paths: StatePaths, world: Clusters): Pick<World, "move"> {
  async function side({ instance, kind }: ClusterRef): Promise<Side> {
    // A cluster that is moved has one member.
    const { host, port, database } = (await world.cluster(kind).addresses(instance)).primary;
    return {
      name: instance,
      server: { host, port },
      database,
      passwords: await databasePasswords(passwordsFile(paths)),
    };
  }

  async function withMove<T>({ id, source, target }: MoveRef, work: (move: Move) => Promise<T>): Promise<T> {
    const pgDump = join(systemPostgres().folder, "pg_dump");
    // Copies and comparisons give way to the service.
    using behind = openBackground();
    const background = (pids: readonly number[]) => behind.add(pids);
    const ends = { source: { ...(await side(source)), background }, target: { ...(await side(target)), background } };
    await using move = openMove({ id, ...ends, pgDump });
    return await work(move);
  }

  /** Lets the move's target serve. Everything slow comes before the pause. */
  async function cutOver(move: Move, before: ClusterRef, serves: ClusterRef, context: StepContext): Promise<void> {
    const told = contextOf(context);
    const { signal } = context;
    // A cut-over that was cut short goes on: once writers are shut out nothing is left to catch up with.
    const begun = (await isOpen(move))
      ? AFTER_OPEN
      : (await fenced(move.source)) !== "nobody"
        ? AFTER_FENCE
        : undefined;
    if (begun === undefined) {
      context.progress(`let the service open its connections to ${serves.instance}`);
      await world.publishEndpoints(before, serves);
      const [late] = await world.inUse({ withinMs: PREPARE_MS, signal });
      if (late !== undefined) throw unreachable(late, serves);
    }
    for (const { name, run } of CUT_OVER_STEPS) {
      if (name === "verify" || (begun !== undefined && !begun.has(name))) continue;
      await run(move, told);
      if (name !== "open") continue;
      await world.publishEndpoints(serves);
      // What is left to do would take processor time from those that waited.
      await world.inUse({ withinMs: LEAVE_MS, signal });
    }
  }

  return {
    move: (ref): MoveActions => {
      const withRoom = (context: StepContext) => ({
        ...contextOf(context),
        targetFreeBytes: () => world.freeBytes(ref.target.instance),
      });
      const copyStep = (name: string) => (context: StepContext) =>
        withMove(ref, async (move) => COPY.get(name)?.run(move, withRoom(context)));
      const inTurn =
        (...steps: ReturnType<typeof copyStep>[]) =>
        async (context: StepContext) => {
          for (const step of steps) await step(context);
        };
      const way = (move: Move, forward: boolean) => (forward ? move : reversed(move));
      return {
        check: (context) =>
          withMove(ref, async (move) => {
            await checkMovable(move, withRoom(context));
          }),
        copySchema: inTurn(copyStep("vacuum-source"), copyStep("prepare-source"), copyStep("copy-schema")),
        copyRows: inTurn(copyStep("begin-copy"), copyStep("await-copy")),
        finish: copyStep("finish-schema"),
        verify: (context) =>
          withMove(ref, async (move) => {
            const towards = way(move, !(await isOpen(move)));
            await catchUp(towards, contextOf(context));
            await verify(towards, contextOf(context));
          }),
        cutOver: (forward, context) => {
          const [before, serves] = forward ? [ref.source, ref.target] : [ref.target, ref.source];
          return withMove(ref, (move) => cutOver(way(move, forward), before, serves, context));
        },
        cutBack: (forward, context) =>
          withMove(ref, async (move) => {
            const done = way(move, forward);
            if (!(await isOpen(done))) return unfence(done, contextOf(context));
            const [serves, before] = forward ? [ref.source, ref.target] : [ref.target, ref.source];
            return cutOver(reversed(done), before, serves, context);
          }),
        discard: (context) => withMove(ref, (move) => abandon(move, contextOf(context))),
        drop: (drops, context) => withMove(ref, (move) => dropOld(way(move, drops === "source"), contextOf(context))),
      };
    },
  };
}

/** Steps of a cut-over from the moment on that writers are shut out of the source, and that the target serves. */
const AFTER_FENCE = from("fence");
const AFTER_OPEN = from("open");

function from(first: string): ReadonlySet<string> {
  const names = CUT_OVER_STEPS.map(({ name }) => name);
  return new Set(names.slice(names.indexOf(first)));
}

function unreachable(instance: InstanceName, to: ClusterRef): StepFailed {
  return new StepFailed("cluster-unreachable", {
    at: instance,
    says: `it could not open its connections to ${to.instance} within ${PREPARE_MS / 1_000} s`,
    fix: `see \`ninefold logs ${instance}\` and \`ninefold logs ${to.instance}\`, and try again`,
  });
}

function contextOf({ signal, progress }: StepContext) {
  return { signal, progress: (told: Progress) => progress(wording(told)) };
}

function wording({ says, done, remainingMs }: Progress): string {
  const percent = done === undefined ? "" : `, ${Math.floor(done * 100)} %`;
  const left = remainingMs === undefined ? "" : `, about ${Math.ceil(remainingMs / 1_000)} s left`;
  return `${says}${percent}${left}`;
}
