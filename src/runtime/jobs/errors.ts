import { NinefoldError } from "../../topology/problem.ts";

/** A job was enqueued, or replayed, under a name that the service does not define. */
export class UnknownJob extends NinefoldError {
  constructor(name: string, known: readonly string[]) {
    super("unknown-job", {
      at: `jobs.${name}`,
      says: `the service defines no job named "${name}"`,
      fix: known.length > 0 ? `Use one of: ${known.join(", ")}` : "Define it in `jobs` of defineService",
    });
  }
}

/** A payload that JSON cannot carry unchanged; `at` names the place inside it, such as `payload.items[3].price`. */
export class BadPayload extends NinefoldError {
  constructor(at: string, says: string, fix: string) {
    super("bad-job-payload", { at, says, fix });
  }
}

/** An option of `enqueue` that is out of range or contradicts another. */
export class BadJobOptions extends NinefoldError {
  constructor(at: string, says: string, fix: string) {
    super("bad-job-options", { at, says, fix });
  }
}

/** A job definition that cannot run as it is written, such as one with a malformed schedule. */
export class BadJobDefinition extends NinefoldError {
  constructor(at: string, says: string, fix: string, options?: ErrorOptions) {
    super("bad-job-definition", { at, says, fix }, options);
  }
}

/** Name, stable SQLSTATE and meaning of what `ninefold.claim_effect` refuses with; see schema/effect.ts. */
export const ALREADY_APPLIED = "NF001";
export const LEASE_LOST = "NF002";

/** Whether an error, or what caused it, is a refusal of `ninefold.claim_effect` with this SQLSTATE. */
export function refusedWith(code: string, error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ((at as { code?: unknown }).code === code) return true;
  }
  return false;
}
