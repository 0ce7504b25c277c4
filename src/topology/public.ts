import { z } from "zod";

/** Where the service is reached from outside; one address over all rungs. */
export const PublicAddress = z.strictObject({
  /** Address to listen on: `127.0.0.1` for this machine only, `0.0.0.0` for everyone. */
  host: z.string().min(1).max(253).default("127.0.0.1"),
  port: z.int().min(1).max(65_535).default(8080),
  /** Domain that clients use; from rung 7 our name servers answer for it. */
  domain: z.string().min(1).max(253).optional(),
  /** Absolute paths of PEM files; HTTPS is served by the load balancer, from rung 3. */
  tls: z.strictObject({ certificate: z.string().min(1), key: z.string().min(1) }).optional(),
});
export type PublicAddress = z.output<typeof PublicAddress>;
