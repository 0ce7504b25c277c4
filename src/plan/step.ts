import { z } from "zod";
import { InstanceName } from "../topology/names.ts";

const release = z.int().min(1);
const instance = InstanceName;
const settings = z.object({ maxConnections: z.int(), memoryMb: z.int() });
const kind = z.enum(["embedded", "patroni"]);
const cluster = z.object({ instance, kind });
const replication = z.object({
  /** Members beside the first one, which is the cluster's name. Any of all of them may lead. */
  standbys: z.array(instance),
  /** Whether a commit waits for all standbys. */
  synchronous: z.boolean(),
  ttlSeconds: z.int(),
  lagMs: z.int(),
});
/** Left out where a cluster has no standbys. */
const replicated = { replication: replication.optional() };
/** Members of etcd besides the one that a step names; left out where there are none. */
const others = z.array(instance).optional();
/** What is done to the standbys of a cluster under Patroni, named by its first member. */
const standbys = { cluster: instance, settings };
/** A cluster is copied to another one; while both follow each other, either can serve. `id` names what is made for it in both. */
const move = { id: z.string().regex(/^[a-z0-9_]+$/), source: cluster, target: cluster };

/**
 * One thing to do, as plain data that the journal keeps. Each looks at the world first and is safe to run again.
 * Numbers of releases and names stand in the step, so that a restarted control plane needs nothing else.
 */
export const Step = z.discriminatedUnion("name", [
  z.object({ name: z.literal("open-socket"), host: z.string(), port: z.int() }),
  z.object({ name: z.literal("close-socket"), host: z.string(), port: z.int() }),
  z.object({ name: z.literal("write-secrets") }),
  /** `from`: the service's folder, or an earlier release whose code is used again with new settings. */
  z.object({ name: z.literal("make-release"), release, from: z.union([z.literal("folder"), release]) }),
  /** `migrates`: where nothing has run before, the process that loads it goes on with its migrations once there is a database. */
  z.object({ name: z.literal("inspect-release"), release, migrates: z.literal(true).optional() }),
  z.object({ name: z.literal("start-etcd"), instance, others }),
  z.object({ name: z.literal("stop-etcd"), instance, others }),
  /** `others`: members that there are besides. */
  z.object({ name: z.literal("add-etcd"), instance, others: z.array(instance) }),
  z.object({ name: z.literal("remove-etcd"), instance, others: z.array(instance) }),
  z.object({ name: z.literal("init-database"), instance, kind, settings }),
  z.object({ name: z.literal("start-database"), instance, kind, settings, ...replicated }),
  z.object({ name: z.literal("stop-database"), instance, kind, settings, ...replicated }),
  z.object({ name: z.literal("change-database"), instance, kind, from: settings, settings, ...replicated }),
  z.object({ name: z.literal("prepare-database"), instance, kind, settings, ...replicated }),
  /** `copy`: the release before, whose tables another cluster still has; new migrations would part the two. */
  z.object({ name: z.literal("migrate"), release, copy: release.optional() }),
  z.object({ name: z.literal("publish-endpoints"), instance, kind, ...replicated }),
  /** `replication`: how the cluster is replicated besides, meanwhile. */
  z.object({ name: z.literal("add-standby"), instance, ...standbys, replication }),
  z.object({ name: z.literal("remove-standby"), instance, ...standbys, replication }),
  z.object({ name: z.literal("change-replication"), ...standbys, from: replication, replication }),
  /** Makes one of `among` the primary if it is not, so that the others can go. */
  z.object({ name: z.literal("lead"), ...standbys, replication, among: z.array(instance).min(1) }),
  /** Tells the service which standbys it may read from. */
  z.object({ name: z.literal("publish-standbys"), ...standbys, from: replication, replication }),
  /** The target of a move: made, started and prepared like any cluster, and removed again when the plan goes back. */
  z.object({ name: z.literal("make-cluster"), instance, kind, settings }),
  z.object({ name: z.literal("check-move"), ...move }),
  z.object({ name: z.literal("copy-schema"), ...move }),
  z.object({ name: z.literal("copy-rows"), ...move }),
  z.object({ name: z.literal("finish-copy"), ...move }),
  z.object({ name: z.literal("verify-copy"), ...move }),
  /** `forward`: from the move's source to its target; else back again. */
  z.object({ name: z.literal("cut-over"), ...move, forward: z.boolean() }),
  /** Ends that the two follow each other, and removes the one that does not serve. */
  z.object({ name: z.literal("drop-copy"), ...move, drops: z.enum(["source", "target"]) }),
  z.object({ name: z.literal("start-instance"), instance, release, role: z.enum(["app", "worker"]) }),
  z.object({ name: z.literal("stop-instance"), instance, release, role: z.enum(["app", "worker"]) }),
  z.object({ name: z.literal("start-balancer"), instance, servers: z.array(instance) }),
  z.object({ name: z.literal("stop-balancer"), instance, servers: z.array(instance) }),
  z.object({ name: z.literal("change-balancer"), instance, servers: z.array(instance) }),
  z.object({ name: z.literal("enter-balancer"), instance, server: instance }),
  z.object({ name: z.literal("leave-balancer"), instance, server: instance }),
  z.object({ name: z.literal("destroy-data"), instance }),
]);
export type Step = z.infer<typeof Step>;
export type StepName = Step["name"];
/** A step of one name. */
export type StepOf<N extends StepName> = Extract<Step, { name: N }>;
/** A move as its steps speak of it. */
export type MoveRef = Pick<StepOf<"check-move">, "id" | "source" | "target">;
export type DatabaseSettings = z.infer<typeof settings>;
/** How a cluster is replicated; see src/plan/replication.ts. */
export type Replication = z.infer<typeof replication>;
