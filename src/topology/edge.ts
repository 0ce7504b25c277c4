import { z } from "zod";

/** Edges of the content network, as a ring: Varnish (rung 6); numbers are per data centre. */
export const Edge = z.strictObject({
  servers: z.int().min(1).max(32).default(2),
  /** Memory in MB of each edge. */
  memoryMb: z.int().min(16).max(1_048_576).default(256),
});
export type Edge = z.output<typeof Edge>;
