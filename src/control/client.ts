import type { IncomingMessage } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { NinefoldError } from "../topology/problem.ts";
import { ask, jsonOf } from "./ask.ts";
import { type BackupRequest, BackupsView, type RestoreRequest, WorkView } from "./backups/views.ts";
import {
  type Change,
  ControlEvent,
  PlanView,
  ProblemReport,
  StatusView,
  SwitchoverView,
  TopologyView,
} from "./event.ts";
import { readServerSentEvents } from "./sse.ts";

/** An answer of the control plane that says no; carries the code and the problems that the control plane reported. */
export class ControlRefused extends NinefoldError {
  readonly report: ProblemReport;
  constructor(report: ProblemReport) {
    super(report.code, report);
    this.report = report;
  }
}

/** The control plane does not answer. */
export class ControlUnreachable extends NinefoldError {
  constructor(says: string, options?: ErrorOptions) {
    const fix = "It is restarted by its agent; try again, or run `ninefold doctor`.";
    super("control-unreachable", { at: "control plane", says, fix }, options);
  }
}

/** Work on backups ended with the control plane that did it. */
export class WorkLost extends NinefoldError {
  constructor(kind: WorkView["kind"]) {
    const says = `it was started again during the ${kind}, which ended with it`;
    super("work-lost", { at: "control plane", says, fix: "Run it again; what was half done is cleared away" });
  }
}

/** Events of one plan until it is finished or failed. */
export type PlanEvents = AsyncIterable<ControlEvent>;

/** What the CLI and the dashboard may ask of the control plane. */
export interface ControlClient {
  /** Whether the control plane answers now. */
  answers(): Promise<boolean>;
  status(): Promise<StatusView>;
  /** What a change would do, without doing it. */
  plan(change: Change): Promise<PlanView>;
  /** Begins a change; throws {@link ControlRefused} when it is refused before anything changed. */
  apply(change: Change): PlanEvents;
  deploy(): PlanEvents;
  scale(to: { app?: number; workers?: number; replicas?: number }): PlanEvents;
  undo(): PlanEvents;
  /** Stops everything; `destroy` also removes the data. */
  down(options?: { destroy?: boolean }): PlanEvents;
  /** Moves the database's primary on purpose, to a certain member or to the one that suits best. */
  switchover(to?: string): Promise<SwitchoverView>;
  /** The backups that there are, and the times that can be restored. */
  backups(): Promise<BackupsView>;
  /** Makes a backup; tells how it goes until it is done or failed. */
  backup(wanted: BackupRequest): AsyncIterable<WorkView>;
  /** Compares all that is in the repository with its checksums. */
  verifyBackups(): AsyncIterable<WorkView>;
  /** Ends the archiving of the log. */
  backupsOff(): Promise<void>;
  /** Restores beside what serves. */
  restore(wanted: RestoreRequest): AsyncIterable<WorkView>;
  /** Has what was restored serve; the database that serves now stays aside. */
  useRestored(): AsyncIterable<WorkView>;
  /** Has the database that is aside serve again. */
  useAside(): AsyncIterable<WorkView>;
  /** Removes what was restored, and the database that is aside. */
  dropRestored(): Promise<void>;
  /** A plan by its number. */
  planById(id: number): Promise<PlanView>;
  /** Events of a plan that is under way or over, after `seq` (0: from its beginning). */
  events(plan: number, after?: number): PlanEvents;
  /** Kept versions of the topology, newest first. */
  topologies(): Promise<TopologyView[]>;
}

/** Where a control plane answers, found anew for each request, since it may have been restarted elsewhere. */
export type FindControl = () => Promise<{ url: string; token: string } | undefined>;

/** Longest wait in milliseconds for a sign of life. */
const ANSWER_MS = 5_000;

/** Longest wait in milliseconds for a control plane that was restarted in the middle of a plan. */
const RECONNECT_MS = 30_000;

/** Between two looks at work on backups, in milliseconds. */
const WORK_MS = 300;

const WorkAnswer = z.object({ work: WorkView.optional() });

export function controlClient(find: FindControl): ControlClient {
  async function request(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<IncomingMessage> {
    const control = await find();
    if (control === undefined) throw new ControlUnreachable("no control plane runs for this folder");
    const { token } = control;
    const question = {
      method,
      url: new URL(path, control.url),
      token,
      body,
      ...(signal === undefined ? {} : { signal }),
    };
    const answer = await ask(question).catch((cause: unknown) => {
      throw new ControlUnreachable("the connection failed", { cause });
    });
    const { statusCode = 0 } = answer;
    if (statusCode >= 200 && statusCode < 300) return answer;
    const problem = ProblemReport.safeParse(await jsonOf(answer).catch(() => undefined));
    if (problem.success) throw new ControlRefused(problem.data);
    throw new ControlUnreachable(`it answered ${statusCode}`);
  }

  function whole(answer: IncomingMessage): Promise<unknown> {
    return jsonOf(answer).catch((cause: unknown) => {
      throw new ControlUnreachable("its answer broke off", { cause });
    });
  }

  async function json<T>(schema: z.ZodType<T>, method: string, path: string, body?: unknown): Promise<T> {
    return schema.parse(await whole(await request(method, path, body)));
  }

  async function* events(plan: number, after = 0): AsyncGenerator<ControlEvent> {
    let seen = after;
    let lostAt: number | undefined;
    while (true) {
      try {
        const answer = await request("GET", `/v1/events?plan=${plan}&after=${seen}`);
        for await (const data of readServerSentEvents(answer)) {
          lostAt = undefined;
          const event = ControlEvent.parse(JSON.parse(data));
          if (event.kind !== "step-progress") seen = event.seq;
          yield event;
          if (event.kind === "finished" || event.kind === "failed") return;
        }
      } catch (error) {
        if (error instanceof ControlRefused || error instanceof z.ZodError) throw error;
      }
      lostAt ??= Date.now();
      if (Date.now() - lostAt > RECONNECT_MS)
        throw new ControlUnreachable(`no news of plan ${plan} for ${RECONNECT_MS / 1000} s`);
      await pause(100);
    }
  }

  async function* begin(path: string, body: unknown): AsyncGenerator<ControlEvent> {
    const plan = await json(PlanView, "POST", path, body);
    yield* events(plan.id);
  }

  /** Work that was begun, until it is over. */
  async function* work(path: string, body: unknown): AsyncGenerator<WorkView> {
    let seen = await json(WorkView, "POST", path, body);
    const { id } = seen;
    let lostAt: number | undefined;
    for (; seen.state === "running"; await pause(WORK_MS)) {
      yield seen;
      try {
        const { work: now } = await json(WorkAnswer, "GET", "/v1/backups/work");
        if (now?.id !== id) throw new WorkLost(seen.kind);
        seen = now;
        lostAt = undefined;
      } catch (error) {
        lostAt ??= Date.now();
        if (!(error instanceof ControlUnreachable) || Date.now() - lostAt > RECONNECT_MS) throw error;
      }
    }
    yield seen;
  }

  return {
    answers: async () => {
      try {
        await whole(await request("GET", "/v1/topologies", undefined, AbortSignal.timeout(ANSWER_MS)));
        return true;
      } catch {
        return false;
      }
    },
    status: () => json(StatusView, "GET", "/v1/status"),
    plan: (change) => json(PlanView, "POST", "/v1/plan", change),
    apply: (change) => begin("/v1/apply", change),
    deploy: () => begin("/v1/deploy", {}),
    scale: (to) => begin("/v1/scale", to),
    undo: () => begin("/v1/undo", {}),
    down: (options = {}) => begin("/v1/down", options),
    switchover: (to) => json(SwitchoverView, "POST", "/v1/switchover", to === undefined ? {} : { to }),
    backups: () => json(BackupsView, "GET", "/v1/backups"),
    backup: (wanted) => work("/v1/backups", wanted),
    verifyBackups: () => work("/v1/backups/verify", {}),
    backupsOff: async () => {
      await whole(await request("POST", "/v1/backups/off", {}));
    },
    restore: (wanted) => work("/v1/restore", wanted),
    useRestored: () => work("/v1/restore/use", {}),
    useAside: () => work("/v1/restore/back", {}),
    dropRestored: async () => {
      await whole(await request("POST", "/v1/restore/drop", {}));
    },
    planById: (id) => json(PlanView, "GET", `/v1/plans/${id}`),
    events,
    topologies: () => json(z.array(TopologyView), "GET", "/v1/topologies"),
  };
}
