import { z } from "zod";
import { ProblemReport } from "../event.ts";

export const BackupType = z.enum(["full", "diff", "incr"]);
export type BackupType = z.infer<typeof BackupType>;

export const BackupView = z.object({
  label: z.string(),
  type: BackupType,
  /** Milliseconds since the epoch. */
  startedAt: z.number(),
  finishedAt: z.number(),
  /** Size of the database, and what this backup added to the repository. */
  bytes: z.number(),
  repositoryBytes: z.number(),
  /** Pages of the database did not fit their checksums. */
  damaged: z.boolean(),
});

/** What a backup brought, or a restore, or a look at the whole repository. */
const WorkResult = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("backup"), backup: BackupView, tookMs: z.number(), from: z.string() }),
  z.object({ kind: z.literal("verify"), says: z.string(), tookMs: z.number() }),
  z.object({
    kind: z.literal("restore"),
    /** The instance with the database, and the folder of its unix socket. */
    instance: z.string(),
    socket: z.string(),
    port: z.int(),
    database: z.string(),
    /** Time of the last commit that is in it, milliseconds since the epoch; undefined when none was replayed. */
    reachedAt: z.number().optional(),
    /** Pages that were compared with their checksums. */
    pages: z.int(),
    /** Each table with its rows, and about how many the serving database has now. */
    tables: z.array(z.object({ name: z.string(), rows: z.int(), rowsNow: z.int().optional() })),
    /** Tables that only the serving database has, and migrations that it ran since. */
    missingTables: z.array(z.string()),
    migrationsSince: z.array(z.string()),
    tookMs: z.number(),
  }),
  /** The database was exchanged; nobody could sign in to it for `pausedMs`. */
  z.object({ kind: z.enum(["use", "back"]), pausedMs: z.number(), tookMs: z.number() }),
]);
export type WorkResult = z.infer<typeof WorkResult>;

/** Work on backups, one at a time. It ends with the control plane that does it. */
export const WorkView = z.object({
  id: z.int(),
  kind: z.enum(["backup", "restore", "verify", "use", "back"]),
  state: z.enum(["running", "done", "failed"]),
  /** What it is at. */
  says: z.string(),
  result: WorkResult.optional(),
  problem: ProblemReport.optional(),
});
export type WorkView = z.infer<typeof WorkView>;

export const BackupsView = z.object({
  /** Whether the log is archived, so that a restore to any time is possible. */
  archiving: z.enum(["off", "on", "failing"]),
  /** Why it fails. */
  says: z.string().optional(),
  /** Absolute path of the repository. */
  repository: z.string(),
  backups: z.array(BackupView),
  /** The times that can be restored, in milliseconds since the epoch; undefined before the first backup. */
  earliest: z.number().optional(),
  latest: z.number().optional(),
  /** Size of the database that served before `restore --use`, in bytes; undefined where there is none. */
  aside: z.number().optional(),
  work: WorkView.optional(),
});
export type BackupsView = z.infer<typeof BackupsView>;

export const BackupRequest = z.strictObject({ type: BackupType.optional() });
export type BackupRequest = z.infer<typeof BackupRequest>;

/** Where a restore goes to: all that there is, the end of a backup, or a time in milliseconds since the epoch. */
export const RestoreRequest = z.strictObject({
  to: z.union([z.literal("latest"), z.strictObject({ label: z.string() }), z.strictObject({ at: z.number() })]),
});
export type RestoreRequest = z.infer<typeof RestoreRequest>;
