import { z } from "zod";

const Name = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,39}$/, "use 1 to 40 lower-case letters, digits and underscores, beginning with a letter");

/** How a standby takes the primary's place (rung 4). */
const Failover = z.strictObject({
  /**
   * Seconds after which a primary that is not heard of is replaced. Lower is a shorter pause when a host dies, and more often
   * a replacement that a slow disk or network alone brought about. A PostgreSQL that ends by itself is replaced sooner.
   */
  ttlSeconds: z.int().min(5).max(60).default(6),
});

/** Backups of a database on hosts of its own; made by `ninefold backup`. */
const Backup = z.strictObject({
  /** Full backups that are kept, with those that build on them and the log since the oldest; older ones go after a new one. */
  keep: z.int().min(1).max(100).default(2),
});

/** One logical database: a cluster of PostgreSQL, or a set of clusters when it is sharded. */
const Database = z.strictObject({
  /** `shared`: beside the service on its host (rung 1). `own`: on hosts of its own, under Patroni (rung 2 and above). */
  host: z.enum(["shared", "own"]).default("shared"),
  /**
   * Most connections that PostgreSQL admits; all pools together stay below it. Changing it restarts PostgreSQL, so the default has
   * room for eight app servers and a change of them.
   */
  maxConnections: z.int().min(20).max(5_000).default(120),
  /** Memory in MB that PostgreSQL may count on; its caches are sized from it. Changing it restarts PostgreSQL. */
  memoryMb: z.int().min(128).max(1_048_576).default(512),
  /** Standbys of each cluster in each data centre (rung 4). */
  replicas: z.int().min(0).max(4).default(0),
  /** Whether a commit waits for a standby, and where: the same data centre, or another one (rung 7). */
  synchronous: z.enum(["off", "local", "remote"]).optional(),
  failover: Failover.prefault({}),
  backup: Backup.prefault({}),
  /**
   * For development: how far standbys are held behind, in milliseconds, so that what a stale read would break is met there
   * and not in production. Sessions still read their own writes.
   */
  lagMs: z.int().min(0).max(60_000).default(0),
  /** Data centre of the primary; default: the first one. */
  primary: z.string().optional(),
  /** Size of its hosts, for vertical scaling (rung 9): a change moves the data to a host of the new size. */
  size: z.strictObject({ cpus: z.int().min(1).max(512), memoryMb: z.int().min(256) }).optional(),
  /** Tables that live here instead of in `main`: a vertical split (rung 9). `main` has all the others. */
  tables: z.array(z.string().min(1)).min(1).optional(),
  /** Clusters that the rows are spread over by key: horizontal sharding (rung 9). */
  shards: z.int().min(1).max(64).default(1),
});

export type Database = z.output<typeof Database>;

/** Databases by name; `main` always exists. */
export const Databases = z.record(Name, Database);
