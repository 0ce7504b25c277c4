import { z } from "zod";
import { InstanceName } from "../../topology/names.ts";
import { CommandSchema } from "./record.ts";

/** Environment variable of an agent: an instance that it starts at once, before it could be asked to. */
export const FIRST_VARIABLE = "NINEFOLD_FIRST";
export const FirstInstance = z.object({ name: InstanceName, command: CommandSchema });
export type FirstInstance = z.infer<typeof FirstInstance>;

/** Bodies of the agent's interface, HTTP and JSON over its unix socket; paths are in server.ts. */
export const StartBody = z.object({ command: CommandSchema });
export const RunBody = z.object({ command: CommandSchema, withinMs: z.int().min(1) });
export const SocketBody = z.object({ host: z.string().min(1), port: z.int().min(0).max(65_535) });
export const RunAnswer = z.object({ code: z.int(), stdout: z.string(), stderr: z.string(), late: z.boolean() });
export const SocketAnswer = z.object({ port: z.int() });
export const AgentAnswer = z.object({ pid: z.int(), sockets: z.record(z.string(), SocketBody) });
export const Refusal = z.object({ code: z.string(), at: z.string(), says: z.string(), fix: z.string() });
export const InstanceStates = z.array(
  z.object({
    name: z.string(),
    command: CommandSchema,
    state: z.enum(["running", "restarting", "stopping"]),
    pid: z.int().optional(),
    startedAt: z.int().optional(),
    restarts: z.int(),
    lastEnd: z.string().optional(),
  }),
);
