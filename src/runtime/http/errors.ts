import { NinefoldError } from "../../topology/problem.ts";

/** What a client is told about an error. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: { readonly code: string; readonly message: string };
}

const INTERNAL: ErrorAnswer = {
  status: 500,
  headers: {},
  body: { code: "internal-error", message: "The service failed to answer this request." },
};

/** Names of Ninefold's own errors that a client may see, with what it is told. The text says nothing about the inside. */
const TOLD: Readonly<Record<string, ErrorAnswer>> = {
  DatabaseBusy: retry("database-busy", "The service is busy. Try again."),
  DatabaseUnavailable: retry("database-unavailable", "The service cannot reach its database. Try again."),
  TransactionLost: retry(
    "transaction-lost",
    "The connection to the database broke and nothing was changed. Try again.",
  ),
  OutcomeUnknown: {
    ...retry("outcome-unknown", "The connection broke while a change was being saved: it may have been saved or not."),
    headers: { "retry-after": "1", "ninefold-outcome": "unknown" },
  },
};

function retry(code: string, message: string): ErrorAnswer {
  return { status: 503, headers: { "retry-after": "1" }, body: { code, message } };
}

/**
 * The answer for an error that an app let through. A database that is busy or away is 503 with `Retry-After`; a commit
 * whose outcome is unknown is 503 with `Ninefold-Outcome: unknown`, since trying again might do it twice; all else is
 * 500 and tells nothing of the error.
 */
export function answerFor(error: unknown): ErrorAnswer {
  const seen = new Set<unknown>();
  for (let at = error; at instanceof Error && !seen.has(at); at = at.cause) {
    seen.add(at);
    const told = at instanceof NinefoldError ? TOLD[at.name] : undefined;
    if (told !== undefined) return told;
  }
  return INTERNAL;
}
