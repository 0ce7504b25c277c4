import { z } from "zod";

/** Result cache: in each process, and shared in Redis per data centre (rung 5). */
export const Cache = z.strictObject({
  /** Memory in MB of each process's own cache. */
  memoryMb: z.int().min(1).max(65_536).default(64),
  /** Memory in MB of the shared cache of each data centre. */
  sharedMb: z.int().min(16).max(1_048_576).default(256),
});
export type Cache = z.output<typeof Cache>;
