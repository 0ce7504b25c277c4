import { randomInt } from "node:crypto";
import { z } from "zod";
import { CheckFileError } from "./errors.ts";

/** How a check runs; all but `file` and `url` have defaults. Times in milliseconds. */
export const CheckConfig = z.strictObject({
  /** Path of the check file. */
  file: z.string().min(1),
  /** Address of the service, such as `http://localhost:8080`; a path in it is not used. */
  url: z.url({ protocol: /^https?$/ }),
  users: z.int().min(1).max(10_000).default(50),
  /** Operations per second over all users. */
  rate: z.number().positive().max(100_000).default(200),
  /** Length of the traffic when nobody ends it; 0: until it is told to finish. */
  durationMs: z.int().min(0).default(30_000),
  /** Longest wait for an answer; after it the outcome is unknown. */
  timeoutMs: z.int().min(100).max(600_000).default(10_000),
  /** Longest time after the traffic until every acknowledged write and effect must be visible. */
  settleMs: z.int().min(0).max(3_600_000).default(30_000),
  /** Repeats the choices of an earlier run. */
  seed: z.int().min(0).max(0xffff_ffff).optional(),
  /** File for the run's linear log, JSON lines. */
  journal: z.string().min(1).optional(),
  /** Judges consistency only: failed and unknown requests do not break the verdict. */
  allowFailures: z.boolean().default(false),
});
export type CheckConfig = z.input<typeof CheckConfig>;
export type ParsedConfig = z.output<typeof CheckConfig>;

export function parseConfig(value: unknown): ParsedConfig {
  const result = CheckConfig.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const at = `check option ${issue?.path.join(".") || "(all)"}`;
  throw new CheckFileError(at, issue?.message ?? "not usable", "See `ninefold check --help`", { cause: result.error });
}

export function newSeed(): number {
  return randomInt(0x1_0000_0000);
}
