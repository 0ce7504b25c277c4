import { performance } from "node:perf_hooks";
import { chooser } from "./choice.ts";
import type { CheckDefinition, Plan } from "./definition.ts";
import { CheckFileError, CheckSetupError } from "./errors.ts";
import { classify } from "./http/outcome.ts";
import type { Reply } from "./http/session.ts";
import type { Journal } from "./journal.ts";
import type { Ledger } from "./ledger/ledger.ts";
import { type OpenLoop, openLoop } from "./load.ts";
import type { Tally } from "./measure/tally.ts";
import type { Claim, Sight } from "./model.ts";
import { createOp, type Kind, type Op, type Outcome } from "./operation.ts";
import type { Random } from "./random.ts";
import { type Person, preparations } from "./users.ts";

export interface Accounts {
  requests: number;
  ok: number;
  failed: number;
  unknown: number;
  /** Operations that were due and never sent, because every user was still waiting for an answer. */
  unsent: number;
  /** Why operations were not ok, with how often. */
  readonly reasons: Map<string, number>;
}

export interface TrafficOptions {
  readonly definition: CheckDefinition<unknown, unknown>;
  readonly people: readonly Person[];
  readonly ledger: Ledger;
  readonly tally: Tally;
  readonly journal: Journal | undefined;
  readonly random: Random;
  /** Of `performance.now()`; all times of the run count from it. */
  readonly originMs: number;
}

export interface Traffic {
  readonly accounts: Accounts;
  /** What users do before the run. Throws CheckSetupError when a request of it fails. */
  prepare(): Promise<void>;
  /** Starts the open loop at this many operations per second. */
  start(rate: number): void;
  /** Ends the schedule and waits until everything sent has ended; what could not be sent by `withinMs` is given up. */
  drain(withinMs: number): Promise<void>;
  /** Rejects when the check file itself fails. */
  readonly failure: Promise<never>;
}

/** Rounds of choosing another operation when one has nothing to do. */
const CHOICES = 32;
const NOTHING: readonly Sight[] = [];
const NO_CLAIMS: readonly Claim[] = [];

interface Planned {
  readonly name: string;
  readonly kind: Kind;
  readonly plan: Plan;
}

/** Simulated users at work: each does one thing at a time, and whoever is free takes the next operation that is due. */
export function createTraffic(options: TrafficOptions): Traffic {
  const { definition, people, ledger, tally, journal, random, originMs } = options;
  const accounts: Accounts = { requests: 0, ok: 0, failed: 0, unknown: 0, unsent: 0, reasons: new Map() };
  const operations = Object.entries(definition.operations);
  const choose = chooser(Object.values(definition.operations), random);
  const free = [...people];
  const backlog: Array<{ readonly intendedMs: number; readonly choice: number }> = [];
  let taken = 0;
  let ids = 0;
  let loop: OpenLoop | undefined;
  let idle: (() => void) | undefined;
  let fail: (error: unknown) => void = () => {};
  const failure = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failure.catch(() => {});
  const clock = () => performance.now() - originMs;

  /** @param intendedMs when it was due, or undefined for an operation outside the schedule, which is not timed */
  function perform(person: Person, planned: Planned, intendedMs: number | undefined, done: (op: Op) => void) {
    const { name, kind, plan } = planned;
    const op = createOp(++ids, person.user.number, name, kind, plan.claims ?? NO_CLAIMS);
    op.sentMs = clock();
    op.intendedMs = intendedMs ?? op.sentMs;
    ledger.begin(op);
    journal?.began(op);
    accounts.requests++;
    person.session.send(plan, (reply) => {
      op.finishedMs = clock();
      op.status = reply.answered ? reply.status : 0;
      const { outcome, sights } = settle(op, plan, reply);
      accounts[outcome]++;
      if (outcome !== "ok") accounts.reasons.set(op.reason, (accounts.reasons.get(op.reason) ?? 0) + 1);
      if (intendedMs !== undefined) tally.ended(kind, outcome, intendedMs, op.finishedMs);
      try {
        ledger.end(op, outcome === "failed" && op.status === plan.expect ? "unknown" : outcome, sights);
      } catch (error) {
        abort(error);
      }
      journal?.ended(op);
      done(op);
    });
  }

  function abort(error: unknown) {
    loop?.stop();
    fail(error instanceof CheckFileError ? error : badFile(error));
  }

  /** Reads the answer. One that cannot be read is a failure, though its write has perhaps been made. */
  function settle(op: Op, plan: Plan, reply: Reply): { outcome: Outcome; sights: readonly Sight[] } {
    const { outcome, reason } = classify(reply, plan.expect);
    op.reason = reason;
    if (outcome !== "ok" || !reply.answered || plan.answer === undefined) return { outcome, sights: NOTHING };
    try {
      const body: unknown = reply.body === "" ? undefined : JSON.parse(reply.body);
      return { outcome, sights: plan.answer(body as never) ?? NOTHING };
    } catch (error) {
      op.reason = `answer to ${op.name} could not be read: ${error instanceof Error ? error.message : String(error)}`;
      return { outcome: "failed", sights: NOTHING };
    }
  }

  /** The operation that was due, or another that the user has something to do for. */
  function next(person: Person, choice: number): Planned {
    for (let round = 0, index = choice; round < CHOICES; round++, index = choose()) {
      const [name, operation] = operations[index] ?? [];
      const plan = operation?.plan(person.user);
      if (plan !== undefined && name !== undefined && operation !== undefined)
        return { name, kind: operation.kind, plan };
    }
    throw new CheckFileError("operations", "no operation has anything to do", "Give one that always returns a request");
  }

  function work() {
    while (free.length > 0 && taken < backlog.length) {
      const index = random.below(free.length);
      const person = free[index];
      const due = backlog[taken++];
      if (person === undefined || due === undefined) return;
      free[index] = free[free.length - 1] ?? person;
      free.pop();
      try {
        const planned = next(person, due.choice);
        tally.due(planned.kind, due.intendedMs);
        perform(person, planned, due.intendedMs, () => {
          free.push(person);
          work();
        });
      } catch (error) {
        abort(error);
        return;
      }
    }
    if (taken === backlog.length) {
      backlog.length = 0;
      taken = 0;
    }
    if (free.length === people.length && backlog.length === 0) idle?.();
  }

  return {
    accounts,
    failure,
    async prepare() {
      for (const person of people) {
        for (const plan of preparations(definition, person)) {
          const kind = plan.method === "GET" ? "read" : plan.method === "DELETE" ? "delete" : "write";
          const op = await new Promise<Op>((resolve) =>
            perform(person, { name: "prepare", kind, plan }, undefined, resolve),
          );
          if (op.outcome !== "ok") throw new CheckSetupError(`${plan.method} ${plan.path}`, op.reason);
        }
      }
    },
    start(rate) {
      loop = openLoop(rate, (intendedMs) => {
        backlog.push({ intendedMs: intendedMs - originMs, choice: choose() });
        work();
      });
    },
    async drain(withinMs) {
      loop?.stop();
      if (free.length === people.length && taken === backlog.length) return;
      const giveUp = setTimeout(() => {
        accounts.unsent += backlog.length - taken;
        backlog.length = 0;
        taken = 0;
        work();
      }, withinMs);
      await new Promise<void>((resolve) => {
        idle = resolve;
      });
      clearTimeout(giveUp);
    },
  };
}

function badFile(error: unknown): CheckFileError {
  const says = error instanceof Error ? error.message : String(error);
  return new CheckFileError("operations", says, "Correct the operation in the check file", { cause: error });
}
