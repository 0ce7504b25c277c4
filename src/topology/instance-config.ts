import { z } from "zod";
import { InstanceName } from "./names.ts";

/**
 * The plain configuration file that an instance of the service runs from, `instance.json` in the instance's folder.
 * Rendered by `engines/app`, read by `runtime/main`; a person can start the instance by hand with it:
 * `node <ninefold>/runtime/main.js instance.json`.
 */
export const InstanceConfig = z.object({
  version: z.literal(1),
  instance: InstanceName,
  /**
   * `app` serves requests, `worker` runs jobs. `inspect` loads the module, prints what it declares as JSON and ends;
   * `migrate` runs the migrations and checks the table facts against the real schema and ends.
   */
  role: z.enum(["app", "worker", "inspect", "migrate"]),
  /**
   * For `migrate`: where the database is still in the making. It writes what `inspect` would print to the file `inspected`, and
   * begins when there is a file `begin`. Absolute paths.
   */
  ahead: z.object({ inspected: z.string().min(1), begin: z.string().min(1) }).optional(),
  datacenter: z.string().min(1),
  /** Absolute path of the service module inside its release. */
  service: z.string().min(1),
  /** Absolute path of the service's own folder, where the user works; not the release's copy. */
  folder: z.string().min(1),
  /** Absolute paths of files: endpoints (see endpoints.ts) and secrets (mode 0600, see `InstanceSecrets`). */
  endpoints: z.string().min(1),
  secrets: z.string().min(1),
  /** Unix socket of the instance's private interface (health, drain, endpoints, relay); see runtime/http/private.ts. */
  privateSocket: z.string().min(1),
  /**
   * Where an `app` accepts requests: an open socket that it inherited, or an address of its own. `holds`: descriptor of the
   * public socket, on which it does not accept, but which it passes on to an agent that takes a dead one's place.
   */
  listen: z
    .union([
      z.object({ fd: z.int().min(3) }),
      z.object({ host: z.string(), port: z.int().min(0).max(65_535), holds: z.int().min(3).optional() }),
    ])
    .optional(),
  /** Most connections to the database at a time, and longest wait for a database that is away, in milliseconds. */
  database: z.object({ connections: z.int().min(1), holdMs: z.int().min(0).max(60_000) }),
  http: z.object({
    /** Most requests worked on at a time; beyond it, a request is answered 503 with `Retry-After` at once. */
    maxInFlight: z.int().min(1),
    /** Longest body in bytes; a longer one is answered 413. */
    maxBodyBytes: z.int().min(0),
    /** Longest time in milliseconds for a client to send its headers, and its whole request. */
    headersTimeoutMs: z.int().min(100),
    requestTimeoutMs: z.int().min(100),
    /** Idle keep-alive time in milliseconds, as advertised to clients. */
    keepAliveMs: z.int().min(0),
    /** Addresses of balancers in front, whose word on the client's address, scheme and host is taken; see runtime/http. */
    trustedProxies: z.array(z.string()).default([]),
  }),
  jobs: z.object({ concurrency: z.int().min(1) }),
  /** Longest time in milliseconds that a draining instance waits for open requests and jobs before it ends anyway. */
  drainMs: z.int().min(0),
  logLevel: z.enum(["trace", "debug", "info", "warn", "error"]),
});
export type InstanceConfig = z.infer<typeof InstanceConfig>;

/** Secrets of an instance, in a file of mode 0600; never on a command line or in a log. */
export const InstanceSecrets = z.object({
  /** Role that the service (or, for `migrate`, the owner of the schema) signs in with over SCRAM. */
  database: z.object({ user: z.string().min(1), password: z.string().min(1) }),
  /** Keys of the session token, newest first: the first signs, all verify. */
  sessionKeys: z.array(z.string().min(32)).min(1),
  /** Key that the service's own secrets are derived from; see `Resources.secret`. */
  serviceKey: z.string().min(32),
});
export type InstanceSecrets = z.infer<typeof InstanceSecrets>;
