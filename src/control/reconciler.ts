import { setImmediate as answersAreOut } from "node:timers/promises";
import { alongside } from "../plan/alongside.ts";
import { runningInstances } from "../plan/instances.ts";
import type { Plan } from "../plan/plan.ts";
import type { Situation } from "../plan/situation.ts";
import { stepsBetween } from "../plan/steps.ts";
import type { ControlEvent, PlanView, ProblemReport } from "./event.ts";
import type { Journal, PlanRecord } from "./journal.ts";
import { canUndo, runStep, undoStep } from "./perform.ts";
import { refuseOpen, reportOf } from "./problem.ts";
import { viewOf } from "./view.ts";
import type { StepContext, World } from "./world.ts";

export interface ReconcilerParts {
  readonly journal: Journal;
  readonly world: World;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Hears of progress within a step, which is not kept. */
  readonly onProgress: (plan: number, event: ControlEvent) => void;
}

/**
 * Runs one plan at a time and writes down each step before and after it. Killed anywhere, a new one over the same journal
 * goes on: forward while the plan runs, back once a gate failed.
 */
export interface Reconciler {
  /** Writes a plan down and begins it; throws PlanUnderWay. The plan goes on after this returns. */
  begin(plan: Plan): PlanView;
  /** Takes up what a control plane before left open, then looks that everything that should run does. */
  recover(): Promise<void>;
  /** Goes back: of a stopped plan, or of one that runs, after the step in hand. Undefined when none is open. */
  turnBack(): PlanView | undefined;
  /** Gives up a plan that stopped half-way, so that another one may begin from what ran before it. */
  abandon(): void;
  /** Starts what should run and does not, stops what should not run; for a machine or an agent that came back. */
  repair(): Promise<void>;
  /** The last thing that went wrong outside a plan, until it goes right. */
  readonly trouble: ProblemReport | undefined;
  /** When the plan in hand, if any, is over, or cannot go on for now. */
  idle(): Promise<void>;
}

/** A caller asked to go back; says why the plan failed. */
const ASKED: ProblemReport = {
  code: "undone-on-request",
  at: "plan",
  says: "it was asked to go back",
  fix: "nothing to do; `ninefold status` shows what runs",
};

export function createReconciler({ journal, world, now, onProgress }: ReconcilerParts): Reconciler {
  let work: Promise<void> = Promise.resolve();
  let asked = new AbortController();
  let trouble: ProblemReport | undefined;

  /** One thing at a time, in order; a failure ends that thing only. */
  function enqueue(next: () => Promise<void>): Promise<void> {
    work = work.then(next).then(
      () => {
        trouble = undefined;
      },
      (error: unknown) => {
        trouble = reportOf(error);
        const open = journal.open();
        if (open !== undefined) contextOf(open.id, open.done + 1).progress(`${trouble.says}; ${trouble.fix}`);
      },
    );
    return work;
  }

  async function carryOut(id: number): Promise<void> {
    const record = journal.plan(id);
    if (record?.state === "running") await forward(record);
    else if (record?.state === "undoing") await back(record, record.problem ?? ASKED);
  }

  async function forward(record: PlanRecord): Promise<void> {
    const { id, plan } = record;
    const of = plan.steps.length;
    const inHand = stepsInHand(record);
    for (let index = record.done; index < of; index++) {
      if (asked.signal.aborted && !beyondReturn(plan, index))
        return turn(record, index, await inHand.giveUp(index), ASKED);
      try {
        const tookMs = await inHand.end(index);
        journal.stepEnds(id, index + 1, { kind: "step-done", step: index + 1, tookMs });
      } catch (error) {
        const begun = await inHand.giveUp(index + 1);
        if (!(error instanceof GateClosed)) throw error;
        return turn(record, index, begun, asked.signal.aborted ? ASKED : reportOf(error.cause));
      }
    }
    if (asked.signal.aborted && !beyondReturn(plan, of)) return turn(record, of - 1, of, ASKED);
    try {
      await settle(plan.to, contextOf(id, Math.max(1, of)));
      if (WRITTEN_BACK.has(plan.kind)) await world.writeBack(plan.from, plan.to);
    } catch (error) {
      return turn(record, of - 1, of, reportOf(error));
    }
    journal.finish(id, plan.to, now(), { kind: "finished", plan: id, tookMs: now() - record.startedAt });
    await world.keep(journal.topologies().slice(0, KEPT_TOPOLOGIES), releasesInUse());
  }

  /** Begins the steps of a plan, each in its turn or, where it may, along with those before it. */
  function stepsInHand({ id, plan, done, begun }: PlanRecord) {
    const running = new Map<number, Promise<number>>();
    const ended = new Set<number>();
    /** Place of the step whose turn it is. */
    let turn = done;
    const givenUp = new AbortController();
    /** Steps that have begun, counted from the start, those of a control plane before this one included. */
    let reached = done + begun;

    function begin(index: number): void {
      const step = plan.steps[index];
      if (step === undefined || running.has(index)) return;
      const { says, expectedMs } = step;
      const began = now();
      const event = {
        kind: "step-started",
        step: index + 1,
        of: plan.steps.length,
        name: step.do.name,
        says,
        expectedMs,
      } as const;
      reached = Math.max(reached, index + 1);
      journal.stepBegins(id, reached, event);
      const signal = AbortSignal.any([asked.signal, givenUp.signal]);
      const end = runStep(world, step.do, plan, contextOf(id, index + 1, signal)).then(
        () => {
          ended.add(index);
          if (!signal.aborted) beginAhead();
          return now() - began;
        },
        (cause: unknown) => Promise.reject(new GateClosed(cause)),
      );
      end.catch(() => undefined); // told when its turn comes
      running.set(index, end);
    }

    function beginAhead(): void {
      for (const place of alongside(plan, turn, ended)) begin(place);
    }

    return {
      /** Resolves with the time that a step took, in milliseconds; rejects with GateClosed. */
      end(index: number): Promise<number> {
        turn = index;
        begin(index);
        beginAhead();
        return running.get(index) as Promise<number>;
      },
      /** Ends what has begun ahead of its turn. Gives how many steps must be undone, at least `least`. */
      async giveUp(least: number): Promise<number> {
        givenUp.abort();
        await Promise.allSettled(running.values());
        return Math.max(least, reached);
      },
    };
  }

  async function turn(record: PlanRecord, failed: number, done: number, problem: ProblemReport): Promise<void> {
    const { id, plan } = record;
    if (beyondReturn(plan, done)) {
      journal.fail(id, "stopped", problem, now(), { kind: "failed", plan: id, problem, undone: false });
      return;
    }
    journal.turn(id, done, problem, { kind: "step-failed", step: Math.max(1, failed + 1), problem });
    asked = new AbortController();
    await back({ ...record, state: "undoing", done }, problem);
  }

  async function back(record: PlanRecord, problem: ProblemReport): Promise<void> {
    const { id, plan, done } = record;
    const steps = [...plan.steps.slice(0, done).entries()].reverse();
    for (const [index, step] of steps) {
      if (!canUndo(step.do)) continue;
      journal.undoBegins(id, { kind: "undoing", step: index + 1, says: `${step.says}: ${step.undo}` });
      try {
        await undoStep(world, step.do, plan, contextOf(id, index + 1));
      } catch (error) {
        return halt(id, problem, error);
      }
      journal.stepEnds(id, index);
    }
    try {
      await settle(plan.from, contextOf(id, 1));
    } catch (error) {
      return halt(id, problem, error);
    }
    journal.fail(id, "undone", problem, now(), { kind: "failed", plan: id, problem, undone: true });
  }

  /** Going back failed: what serves goes on, and a person decides. */
  function halt(id: number, problem: ProblemReport, error: unknown): void {
    const report = halfWay(problem, reportOf(error));
    journal.fail(id, "stopped", report, now(), { kind: "failed", plan: id, problem: report, undone: false });
  }

  /** Makes the world what a situation says, whatever was found; does nothing where it already is so. */
  async function settle(situation: Situation, context: StepContext = NOBODY): Promise<void> {
    const wanted = new Set<string>(runningInstances(situation));
    if (situation.running) {
      const way = { from: { ...situation, running: false }, to: situation };
      for (const step of stepsBetween(way.from, way.to)) {
        if (!ONLY_BEFORE_FIRST_USE.has(step.name)) await runStep(world, step, way, context);
      }
    }
    for (const name of await world.instances()) {
      if (!wanted.has(name) && /\.(balancer|app|worker)\./.test(name)) await world.stopInstance(name);
    }
  }

  function releasesInUse(): Set<number> {
    const kept = journal.topologies().slice(0, KEPT_RELEASES);
    const releases = [journal.situation, ...kept.map(({ situation }) => situation)].map(({ release }) => release);
    return new Set(releases.filter((release) => release !== undefined));
  }

  function contextOf(plan: number, step: number, signal = NOBODY.signal): StepContext {
    return { signal, progress: (says) => onProgress(plan, { kind: "step-progress", seq: 0, step, says }) };
  }

  return {
    begin: (plan) => {
      refuseOpen(journal.open());
      asked = new AbortController();
      const record = journal.begin(plan, now(), (id) => viewOf(plan, { id, state: "running" }));
      // The answer goes out first: whoever asked knows the plan's number even if we are killed at the next write.
      void enqueue(() => answersAreOut().then(() => carryOut(record.id)));
      return viewOf(record.plan, record);
    },
    recover: () => {
      const open = journal.open();
      if (open !== undefined && open.state !== "stopped") return enqueue(() => carryOut(open.id));
      return open === undefined ? enqueue(() => settle(journal.situation)) : Promise.resolve();
    },
    turnBack: () => {
      const open = journal.open();
      if (open === undefined) return undefined;
      if (open.state === "stopped") {
        journal.resume(open.id);
        void enqueue(() => carryOut(open.id));
      } else {
        asked.abort();
      }
      return viewOf(open.plan, open);
    },
    abandon: () => {
      const open = journal.open();
      if (open?.state !== "stopped") return;
      const problem = open.problem ?? ASKED;
      journal.fail(open.id, "undone", problem, now(), { kind: "failed", plan: open.id, problem, undone: false });
    },
    repair: () => (journal.open() === undefined ? enqueue(() => settle(journal.situation)) : work),
    get trouble() {
      return trouble;
    },
    idle: () => work,
  };
}

/** A step failed; `cause` says why. */
class GateClosed extends Error {
  constructor(cause: unknown) {
    super("a step failed", { cause });
  }
}

/** Changes that did not come from the user's own file. */
const WRITTEN_BACK: ReadonlySet<string> = new Set(["scale", "climb", "descend", "undo"]);

/** Steps that make what is kept: once done, they stay done. */
const ONLY_BEFORE_FIRST_USE: ReadonlySet<string> = new Set(["init-database", "prepare-database", "migrate"]);

/** For work that nobody follows and nobody turns back. */
const NOBODY: StepContext = { progress: () => {}, signal: new AbortController().signal };

/** Versions of the topology that stay as files. */
const KEPT_TOPOLOGIES = 20;

/** Releases that stay for `undo`, newest first. */
const KEPT_RELEASES = 5;

function beyondReturn(plan: Plan, done: number): boolean {
  return plan.steps.slice(0, done).some((step) => step.pointOfNoReturn);
}

function halfWay(problem: ProblemReport, second: ProblemReport): ProblemReport {
  return {
    ...problem,
    says: `${problem.says}; going back failed too: ${second.at}: ${second.says}`,
    fix: `${second.fix}; then run \`ninefold undo\` to go on going back`,
  };
}
