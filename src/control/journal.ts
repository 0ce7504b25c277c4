import type { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import type { Plan } from "../plan/plan.ts";
import { EMPTY, type Situation } from "../plan/situation.ts";
import { Step } from "../plan/step.ts";
import { Topology } from "../topology/topology.ts";
import { ControlEvent, PlanView, ProblemReport } from "./event.ts";
import { diskFull, JournalCorrupt } from "./problem.ts";
import { SCHEMA } from "./schema.ts";
import { openSqlite } from "./sqlite.ts";

/** Where a plan stands. `stopped`: going back failed too, a person is needed. */
type PlanState = "running" | "undoing" | "finished" | "undone" | "stopped";

/** A plan as the journal knows it. */
export interface PlanRecord {
  readonly id: number;
  readonly plan: Plan;
  readonly state: PlanState;
  /** Steps that ended, counted from the start; while undoing, steps that are still to be undone. */
  readonly done: number;
  /** How many of the steps after these have begun; while undoing, whether the last of them is being undone, 0 or 1. */
  readonly begun: number;
  readonly problem: ProblemReport | undefined;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

export interface KeptTopology {
  readonly version: number;
  readonly at: number;
  readonly situation: Situation;
}

const Cluster = z.object({ generation: z.int().min(1), kind: z.enum(["embedded", "patroni"]) });
const SituationRow = z.object({
  topology: Topology.optional(),
  release: z.int().optional(),
  running: z.boolean(),
  clusters: z.object({ serving: Cluster, copy: Cluster.optional() }).optional(),
});
const PlanRow = PlanView.pick({ kind: true, says: true }).extend({
  from: SituationRow,
  to: SituationRow,
  steps: z.array(PlanView.shape.steps.element.omit({ step: true, name: true }).extend({ do: Step })),
});

/** Plans whose events are kept. */
const KEPT_PLANS = 200;

type Row = Record<string, unknown>;
/** An event without the number that the journal gives it. */
export type NewEvent = ControlEvent extends infer E ? (E extends { seq: number } ? Omit<E, "seq"> : never) : never;

/**
 * What the control plane remembers: the situation, the plan under way and how far it came. Each write is one
 * transaction that is on disk when the call returns, power loss included (`synchronous=FULL`).
 * Throws JournalCorrupt and DiskFull; a write that threw changed nothing.
 */
export class Journal implements Disposable {
  readonly path: string;
  readonly #db: DatabaseSync;
  readonly #onEvent: (plan: number, event: ControlEvent) => void;

  constructor(path: string, onEvent: (plan: number, event: ControlEvent) => void = () => {}) {
    this.path = path;
    this.#onEvent = onEvent;
    this.#db = this.#guard(() => this.openDatabase(path));
    try {
      this.#guard(() => {
        this.#db.exec(SCHEMA.settings);
        const check = this.#db.prepare("pragma quick_check(1)").get();
        if (check?.quick_check !== "ok") throw new JournalCorrupt(path, String(check?.quick_check));
        this.#db.exec(SCHEMA.tables);
        this.#db.prepare(SCHEMA.first).run(JSON.stringify(EMPTY));
      });
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  /** What the last finished plan left running. */
  get situation(): Situation {
    return this.#situation(this.#one("select situation from state").situation);
  }

  /** The lowest number that no release ever had. */
  get nextRelease(): number {
    return Number(this.#one("select next_release from state").next_release);
  }

  /** The version of the topology in force, 0 before the first. */
  get version(): number {
    return Number(this.#one("select coalesce(max(version), 0) as version from topologies").version);
  }

  /** The plan that is not over, if any: running, undoing or stopped. */
  open(): PlanRecord | undefined {
    return this.#plans("where state in ('running', 'undoing', 'stopped')")[0];
  }

  plan(id: number): PlanRecord | undefined {
    return this.#plans("where id = ?", id)[0];
  }

  /** The newest plan of all. */
  last(): PlanRecord | undefined {
    return this.#plans("order by id desc limit 1")[0];
  }

  /** The newest plan that finished and had steps to do. */
  lastFinished(): PlanRecord | undefined {
    const where = "where state = 'finished' and json_array_length(plan, '$.steps') > 0 order by id desc limit 1";
    return this.#plans(where)[0];
  }

  /** Kept versions of what ran, newest first. */
  topologies(): KeptTopology[] {
    const rows = this.#all("select version, at, situation from topologies order by version desc");
    return rows.map((row) => ({
      version: Number(row.version),
      at: Number(row.at),
      situation: this.#situation(row.situation),
    }));
  }

  events(plan: number, after: number): ControlEvent[] {
    const sql = "select json_set(event, '$.seq', seq) as event from events where plan = ? and seq > ? order by seq";
    return this.#all(sql, plan, after).map((row) => this.#parse(ControlEvent, row.event));
  }

  /** Begins a plan; there must be none open. `view` makes its first event. */
  begin(plan: Plan, at: number, view: (id: number) => PlanView): PlanRecord {
    const id = this.#write(() => {
      const release = Math.max(this.nextRelease, (plan.to.release ?? 0) + 1);
      this.#db.prepare("update state set next_release = ?").run(release);
      const made = this.#db.prepare(SCHEMA.begin).get(plan.kind, JSON.stringify(plan), at);
      const id = Number(made?.id);
      this.#db.prepare(SCHEMA.forget).run(id - KEPT_PLANS);
      return [id, id, [{ kind: "plan", plan: view(id) }]];
    });
    const record = this.plan(id);
    if (record === undefined) throw new JournalCorrupt(this.path, `plan ${id} is missing`);
    return record;
  }

  /** Notes that steps up to the `reached`-th have begun. */
  stepBegins(id: number, reached: number, event: NewEvent): void {
    this.#write(() => {
      this.#db.prepare("update plans set begun = ? - done where id = ?").run(reached, id);
      return [undefined, id, [event]];
    });
  }

  /** Notes that the last of `done` steps begins to be undone. */
  undoBegins(id: number, event: NewEvent): void {
    this.#write(() => {
      this.#db.prepare("update plans set begun = 1 where id = ?").run(id);
      return [undefined, id, [event]];
    });
  }

  /** Notes that `done` steps are done; while undoing, still done. */
  stepEnds(id: number, done: number, event?: NewEvent): void {
    this.#write(() => {
      this.#db.prepare(SCHEMA.stepEnds).run(done, id);
      return [undefined, id, event === undefined ? [] : [event]];
    });
  }

  /** Turns a plan round: a step failed, and the steps before are undone. `done` counts the failed step too if it has begun. */
  turn(id: number, done: number, problem: ProblemReport, event: NewEvent): void {
    this.#write(() => {
      this.#db.prepare(SCHEMA.turn).run(done, JSON.stringify(problem), id);
      return [undefined, id, [event]];
    });
  }

  /** Ends a plan in its new situation, which is kept as a version of its own when it differs. */
  finish(id: number, to: Situation, at: number, event: NewEvent): void {
    this.#write(() => {
      const before = this.situation;
      this.#db.prepare("update plans set state = 'finished', ended_at = ? where id = ?").run(at, id);
      this.#db.prepare("update state set situation = ?").run(JSON.stringify(to));
      const changed = JSON.stringify([before.topology, before.release]) !== JSON.stringify([to.topology, to.release]);
      if (to.topology === undefined) this.#db.exec(SCHEMA.destroyed);
      if (changed && to.topology !== undefined) this.#db.prepare(SCHEMA.keep).run(at, JSON.stringify(to));
      return [undefined, id, [event]];
    });
  }

  /** Ends a plan that changed nothing after all (`undone`), or leaves it half-way (`stopped`). */
  fail(id: number, state: "undone" | "stopped", problem: ProblemReport, at: number, event: NewEvent): void {
    this.#write(() => {
      this.#db.prepare(SCHEMA.fail).run(state, JSON.stringify(problem), at, id);
      return [undefined, id, [event]];
    });
  }

  /** Takes up a stopped plan again, to go on undoing it. */
  resume(id: number): void {
    this.#write(() => {
      this.#db.prepare("update plans set state = 'undoing' where id = ?").run(id);
      return [undefined, id, []];
    });
  }

  /** Takes over what runs, and the versions kept before, oldest first; for a journal that was lost. */
  adopt(situation: Situation, nextRelease: number, kept: readonly KeptTopology[]): void {
    this.#write(() => {
      this.#db.prepare(SCHEMA.adopt).run(JSON.stringify(situation), nextRelease);
      for (const { version, at, situation: ran } of kept) {
        this.#db.prepare(SCHEMA.keepAs).run(version, at, JSON.stringify(ran));
      }
      return [undefined, 0, []];
    });
  }

  /** Overridden by tests that need a database with limits of its own. */
  protected openDatabase(path: string): DatabaseSync {
    return openSqlite(path);
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }

  #write<T>(change: () => [result: T, plan: number, events: NewEvent[]]): T {
    const [result, plan, events] = this.#guard(() => {
      this.#db.exec("begin immediate");
      try {
        const [value, id, fresh] = change();
        const insert = this.#db.prepare("insert into events (plan, event) values (?, ?) returning seq");
        const made = fresh.map(
          (event) => ({ ...event, seq: Number(insert.get(id, JSON.stringify(event))?.seq) }) as ControlEvent,
        );
        this.#db.exec("commit");
        return [value, id, made] as const;
      } catch (error) {
        if (this.#db.isTransaction) this.#db.exec("rollback");
        throw error;
      }
    });
    for (const event of events) this.#onEvent(plan, event);
    return result;
  }

  #all(sql: string, ...values: (string | number)[]): Row[] {
    return this.#guard(() => this.#db.prepare(sql).all(...values));
  }

  #one(sql: string): Row {
    const row = this.#all(sql)[0];
    if (row === undefined) throw new JournalCorrupt(this.path, "its state is missing");
    return row;
  }

  #plans(where: string, ...values: (string | number)[]): PlanRecord[] {
    return this.#all(`select * from plans ${where}`, ...values).map((row) => ({
      id: Number(row.id),
      plan: this.#plan(row.plan),
      state: String(row.state) as PlanState,
      done: Number(row.done),
      begun: Number(row.begun),
      problem: row.problem === null ? undefined : this.#parse(ProblemReport, row.problem),
      startedAt: Number(row.started_at),
    }));
  }

  #plan(text: unknown): Plan {
    const { from, to, ...plan } = this.#parse(PlanRow, text);
    return { ...plan, from: settle(from), to: settle(to) };
  }

  #situation(text: unknown): Situation {
    return settle(this.#parse(SituationRow, text));
  }

  #parse<T>(schema: z.ZodType<T>, text: unknown): T {
    try {
      return schema.parse(JSON.parse(String(text)));
    } catch (cause) {
      throw new JournalCorrupt(this.path, "a row is malformed", { cause });
    }
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      const full = diskFull(error);
      if (full !== undefined) throw full;
      const { errcode, message } = error as { errcode?: number; message: string };
      // 11: SQLITE_CORRUPT, 26: SQLITE_NOTADB, 1: a table or column is missing.
      if (errcode === 11 || errcode === 26 || errcode === 1)
        throw new JournalCorrupt(this.path, message, { cause: error });
      throw error;
    }
  }
}

/** Rows leave out what is undefined. */
function settle({ topology, release, running, clusters }: z.infer<typeof SituationRow>): Situation {
  if (clusters === undefined) return { topology, release, running };
  const { serving, copy } = clusters;
  return { topology, release, running, clusters: copy === undefined ? { serving } : { serving, copy } };
}
