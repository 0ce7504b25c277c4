import { z } from "zod";

/** Where one database cluster's member answers. `host` is a folder when it holds a unix socket. */
export const DatabaseAddress = z.object({
  /** The member's name, such as `dc1.db.2`: also what a standby calls itself to its primary (`application_name`). */
  name: z.string().min(1).optional(),
  host: z.string().min(1),
  port: z.int().min(1).max(65_535),
  database: z.string().min(1),
});
export type DatabaseAddress = z.infer<typeof DatabaseAddress>;

/**
 * What a running service must know to reach its engines. Written by the control plane, kept on disk beside the
 * instances and used from there while the control plane is down. A higher `epoch` replaces a lower one, never the reverse.
 */
export const Endpoints = z.object({
  version: z.literal(1),
  epoch: z.int().min(1),
  /** Random identity of the deployment; a session token of another deployment is not honoured. */
  deployment: z.string().min(1),
  clusters: z.record(
    z.string(),
    z.object({
      /**
       * Where `standbys` is not empty, any of these members may be the primary by now: `primary` is the control plane's last
       * knowledge, and instances find out for themselves. Where it is empty, the primary is the one there is.
       */
      primary: DatabaseAddress,
      standbys: z.array(DatabaseAddress),
      /** Where the primary will soon be: instances open their connections before the move, so that nobody waits for them. */
      upcoming: DatabaseAddress.optional(),
    }),
  ),
});
export type Endpoints = z.infer<typeof Endpoints>;
