import type { Outcome } from "../operation.ts";
import type { Reply } from "./session.ts";

/**
 * How a request ended. An answer with any other status than the expected one is a failure, with one exception: a 503
 * that says the outcome is unknown. Without an answer the outcome is unknown, unless nothing was sent.
 */
export function classify(reply: Reply, expect: number): { readonly outcome: Outcome; readonly reason: string } {
  if (!reply.answered) return { outcome: reply.sent ? "unknown" : "failed", reason: reply.reason };
  if (reply.status === expect) return { outcome: "ok", reason: "" };
  if (reply.status === 503 && /outcome[-_ ]?(is[ -])?unknown/i.test(reply.body)) {
    return { outcome: "unknown", reason: "503, outcome unknown" };
  }
  return { outcome: "failed", reason: `status ${reply.status} instead of ${expect}` };
}
