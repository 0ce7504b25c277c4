import { z } from "zod";

/** Message broker that carries the jobs instead of PostgreSQL (rung 8). */
export const Broker = z.strictObject({
  engine: z.enum(["rabbitmq", "kafka", "sqs"]).default("rabbitmq"),
  /** Odd, so that a majority exists. */
  servers: z
    .int()
    .min(1)
    .max(7)
    .refine((count) => count % 2 === 1, "use an odd number, so that a majority exists")
    .default(1),
});
export type Broker = z.output<typeof Broker>;
