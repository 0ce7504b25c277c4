import { z } from "zod";

/** Where the service is reached from outside; one address over all rungs. */
export const PublicAddress = z.strictObject({
  /** Address to listen on: `127.0.0.1` for this machine only, `0.0.0.0` for everyone. */
  host: z.string().min(1).max(253).default("127.0.0.1"),
  port: z.int().min(1).max(65_535).default(8080),
  /** Domain that clients use; from rung 7 our name servers answer for it. */
  domain: z.string().min(1).max(253).optional(),
  /**
   * HTTPS, which the load balancer serves, from rung 3: absolute paths of PEM files, or `local` for a certificate of an
   * authority that this deployment makes for itself, for use on this machine.
   */
  tls: z
    .union([z.literal("local"), z.strictObject({ certificate: z.string().min(1), key: z.string().min(1) })])
    .optional(),
});
export type PublicAddress = z.output<typeof PublicAddress>;
