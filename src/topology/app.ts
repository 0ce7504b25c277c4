import { z } from "zod";

/** Processes of the service that answer requests; numbers are per data centre. */
export const App = z.strictObject({
  servers: z.int().min(1).max(64).default(1),
  /** Most connections to the database of each server. */
  connections: z.int().min(1).max(500).default(10),
  /** Longest wait in milliseconds for a database that is away before a request fails with 503; 0 fails at once. */
  holdMs: z.int().min(0).max(60_000).default(15_000),
  /** Most requests that a server works on at a time; beyond it, 503 with `Retry-After` at once. */
  maxInFlight: z.int().min(1).max(100_000).default(256),
  /**
   * Addresses, or ranges, of proxies of your own in front, whose word on the client's address, scheme and host is believed
   * (`X-Forwarded-For`, `-Proto`, `-Host`). From anybody else those headers are removed.
   */
  trustedProxies: z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()])).default([]),
  /** Longest request body in bytes; a longer one is answered 413. */
  maxBodyBytes: z.int().min(0).max(1_073_741_824).default(10_485_760),
  /** Longest time in milliseconds for a client to send its headers, and its whole request. */
  headersTimeoutMs: z.int().min(100).max(600_000).default(10_000),
  requestTimeoutMs: z.int().min(100).max(3_600_000).default(60_000),
  /**
   * Idle time in milliseconds after which a kept-alive connection is closed, as clients are told. A server that leaves
   * waits for it, so it is also how long a deploy takes where idle connections are open.
   */
  keepAliveMs: z.int().min(0).max(3_600_000).default(5_000),
  /** Longest time in milliseconds that a server which is leaving waits for its open requests. */
  drainMs: z.int().min(0).max(3_600_000).default(30_000),
  /** Longest time in milliseconds that new code may take until it is ready; beyond it, it counts as hanging. */
  startMs: z.int().min(1_000).max(600_000).default(30_000),
  logLevel: z.enum(["trace", "debug", "info", "warn", "error"]).default("info"),
});
export type App = z.output<typeof App>;

/** Processes of the service that run jobs; numbers are per data centre that holds a primary. */
export const Workers = z.strictObject({
  servers: z.int().min(0).max(64).default(1),
  connections: z.int().min(1).max(500).default(10),
  /** Most jobs that a worker runs at a time; each holds one connection. */
  concurrency: z.int().min(1).max(500).default(8),
});
export type Workers = z.output<typeof Workers>;
