import { z } from "zod";

/** A {@link Problem} with the stable code of its error, as it travels over the interface and into the journal. */
export const ProblemReport = z.object({
  code: z.string(),
  at: z.string(),
  says: z.string(),
  fix: z.string(),
  /** Further problems found at the same time, such as every unknown key of a topology. */
  more: z.array(z.object({ at: z.string(), says: z.string(), fix: z.string() })).optional(),
});
export type ProblemReport = z.infer<typeof ProblemReport>;

const StepView = z.object({
  /** Place in the plan, from 1. */
  step: z.int().min(1),
  name: z.string(),
  says: z.string(),
  /** `none` changes nothing that serves; `pause` may hold requests for a moment; `loss` removes data. */
  risk: z.enum(["none", "pause", "loss"]),
  /** How long it should take, in milliseconds. */
  expectedMs: z.number(),
  /** What must be true before the plan goes on. */
  gate: z.string(),
  /** How it is undone. */
  undo: z.string(),
  /** Once this step has begun, the plan only goes forward. */
  pointOfNoReturn: z.boolean(),
});

export const PlanView = z.object({
  /** 0 for a plan that was only asked for and not begun. */
  id: z.int().min(0),
  kind: z.enum(["up", "apply", "climb", "descend", "scale", "deploy", "finish", "down", "undo"]),
  says: z.string(),
  state: z.enum(["planned", "running", "undoing", "finished", "undone", "stopped"]),
  steps: z.array(StepView),
  /** Sum of the steps' expected times, in milliseconds. */
  expectedMs: z.number(),
  problem: ProblemReport.optional(),
});
export type PlanView = z.infer<typeof PlanView>;

/**
 * What happens to a plan, in order. `seq` rises by one for each event that is kept; a caller that lost its
 * connection continues after the last one it saw. `step-progress` is passing, is not kept, and has `seq` 0.
 */
export const ControlEvent = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("plan"), seq: z.int(), plan: PlanView }),
  z.object({
    kind: z.literal("step-started"),
    seq: z.int(),
    step: z.int(),
    of: z.int(),
    name: z.string(),
    says: z.string(),
    expectedMs: z.number(),
  }),
  z.object({ kind: z.literal("step-progress"), seq: z.int(), step: z.int(), says: z.string() }),
  z.object({ kind: z.literal("step-done"), seq: z.int(), step: z.int(), tookMs: z.number() }),
  z.object({ kind: z.literal("step-failed"), seq: z.int(), step: z.int(), problem: ProblemReport }),
  z.object({ kind: z.literal("undoing"), seq: z.int(), step: z.int(), says: z.string() }),
  z.object({ kind: z.literal("finished"), seq: z.int(), plan: z.int(), tookMs: z.number() }),
  z.object({
    kind: z.literal("failed"),
    seq: z.int(),
    plan: z.int(),
    problem: ProblemReport,
    /** Whether everything the plan had done is undone and the last good topology serves again. */
    undone: z.boolean(),
  }),
]);
export type ControlEvent = z.infer<typeof ControlEvent>;

const Rung = z.literal([1, 2, 3, 4, 5, 6, 7, 8, 9]);

/** Holds standbys behind, in milliseconds; see `databases.main.lagMs`. */
const lagMs = z.int().min(0).max(60_000).optional();

/** What a caller wants changed. */
export const Change = z.discriminatedUnion("kind", [
  /**
   * What `ninefold.topology.yaml` says, or the last topology, or rung 1, with these overrides; starts whatever does not run.
   * Code is that of the last release; the first `up` makes one.
   */
  z.strictObject({
    kind: z.literal("up"),
    host: z.string().min(1).optional(),
    port: z.int().min(1).max(65_535).optional(),
    app: z.int().min(1).max(64).optional(),
    rung: Rung.optional(),
    /** HTTPS with a certificate of the deployment's own authority. */
    tls: z.literal("local").optional(),
    lagMs,
  }),
  /** To the preset of a rung above or below, or the next one; what the topology says besides stays. */
  z.strictObject({ kind: z.literal("climb"), to: Rung.optional(), lagMs }),
  z.strictObject({ kind: z.literal("descend"), to: Rung.optional() }),
  /** Ends that the last move can be gone back on without copying: removes the cluster that still follows. */
  z.strictObject({ kind: z.literal("finish") }),
  /** A whole topology, as the file would hold it. */
  z.strictObject({ kind: z.literal("apply"), topology: z.unknown() }),
  /** Numbers of instances; also written to `ninefold.topology.yaml` if there is one. */
  z.strictObject({
    kind: z.literal("scale"),
    app: z.int().min(1).max(64).optional(),
    workers: z.int().min(0).max(64).optional(),
    replicas: z.int().min(0).max(4).optional(),
  }),
  /** The service's code as it is in its folder now. */
  z.strictObject({ kind: z.literal("deploy") }),
  z.strictObject({ kind: z.literal("down"), destroy: z.boolean().optional() }),
  /** Back to what ran before the last plan. */
  z.strictObject({ kind: z.literal("undo") }),
]);
export type Change = z.infer<typeof Change>;

export const InstanceView = z.object({
  name: z.string(),
  role: z.string(),
  /** Where it answers: `host:port`, or the path of a unix socket. */
  address: z.string().optional(),
  state: z.enum(["running", "restarting", "stopping", "missing"]),
  health: z.enum(["ready", "starting", "draining", "failed", "unknown"]),
  /** What the instance says about its health, when it is not ready. */
  says: z.string().optional(),
  /** What it says of itself when it is, in its own words, such as `version`, `connections` or `inFlight`. */
  details: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
  pid: z.int().optional(),
  release: z.int().optional(),
  restarts: z.int(),
  lastEnd: z.string().optional(),
  /** Milliseconds since the epoch. */
  startedAt: z.number().optional(),
  /** Resident memory in bytes, of the process and its children. */
  memoryBytes: z.int().optional(),
  /** Processor time used since its start, in milliseconds, of the process and its children. */
  cpuMs: z.number().optional(),
});
export type InstanceView = z.infer<typeof InstanceView>;

export const StatusView = z.object({
  /** Random identity of the deployment; none before its first start. */
  deployment: z.string().optional(),
  service: z.string().optional(),
  folder: z.string(),
  state: z.enum(["down", "up", "changing", "stopped"]),
  rung: z.int().min(1).max(9).optional(),
  /** Version of the topology in force, from 1; see `topologies`. */
  topology: z.int().optional(),
  release: z.int().optional(),
  /** Where the service answers. */
  url: z.string().optional(),
  plan: PlanView.optional(),
  instances: z.array(InstanceView),
  connections: z
    .object({
      /** What PostgreSQL admits, what of that is kept back, and what the pools may take at rest and at most during a change. */
      max: z.int(),
      reserved: z.int(),
      pools: z.int(),
      peak: z.int(),
    })
    .optional(),
  /** The cluster of before the last move, which follows so that going back loses nothing, until `ninefold finish`. */
  copy: z.string().optional(),
  /** Backups of the database that serves; left out where there are none. */
  backups: z
    .object({
      archiving: z.enum(["off", "on", "failing"]),
      /** The newest one, and when it was done, in milliseconds since the epoch. */
      last: z.object({ label: z.string(), at: z.number() }).optional(),
      /** The instance with what was restored, where something was. */
      restored: z.string().optional(),
    })
    .optional(),
  /** What is wrong and what to do, worst first; empty when all is well. */
  problems: z.array(ProblemReport),
});
export type StatusView = z.infer<typeof StatusView>;

/** One kept version of the topology. */
export const TopologyView = z.object({
  version: z.int(),
  /** Milliseconds since the epoch. */
  at: z.number(),
  release: z.int().optional(),
  rung: z.int(),
  /** The document as YAML. */
  yaml: z.string(),
});
export type TopologyView = z.infer<typeof TopologyView>;

/** Which member to make the primary; without `to`, one that suits. */
export const Switchover = z.strictObject({ to: z.string().min(1).optional() });
export type Switchover = z.infer<typeof Switchover>;

/** A switchover that was done. */
export const SwitchoverView = z.object({
  from: z.string(),
  to: z.string(),
  /** Milliseconds from the request until the new primary took writes. */
  tookMs: z.number(),
});
export type SwitchoverView = z.infer<typeof SwitchoverView>;
