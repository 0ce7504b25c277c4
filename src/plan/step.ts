import { z } from "zod";
import { InstanceName } from "../topology/names.ts";

const release = z.int().min(1);
const instance = InstanceName;
const settings = z.object({ maxConnections: z.int(), memoryMb: z.int() });

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
  z.object({ name: z.literal("inspect-release"), release }),
  z.object({ name: z.literal("init-database"), instance, settings }),
  z.object({ name: z.literal("start-database"), instance, settings }),
  z.object({ name: z.literal("stop-database"), instance, settings }),
  z.object({ name: z.literal("change-database"), instance, from: settings, settings }),
  z.object({ name: z.literal("prepare-database"), instance, settings }),
  z.object({ name: z.literal("migrate"), release }),
  z.object({ name: z.literal("publish-endpoints") }),
  z.object({ name: z.literal("start-instance"), instance, release, role: z.enum(["app", "worker"]) }),
  z.object({ name: z.literal("stop-instance"), instance, release, role: z.enum(["app", "worker"]) }),
  z.object({ name: z.literal("destroy-data"), instance }),
]);
export type Step = z.infer<typeof Step>;
export type StepName = Step["name"];
/** A step of one name. */
export type StepOf<N extends StepName> = Extract<Step, { name: N }>;
export type DatabaseSettings = z.infer<typeof settings>;
