import { patroniAsk } from "./rest.ts";
import type { PatroniSpec } from "./spec.ts";

const ANSWER_MS = 15_000;

/**
 * Sets parameters of PostgreSQL for all members of a running cluster, whoever of them leads later, beside those of their files;
 * null takes one away. They are in force within seconds; not for those that take a restart.
 * @param member any that runs
 * @throws PatroniFailed
 */
export async function setForAll(
  member: PatroniSpec,
  parameters: Readonly<Record<string, string | null>>,
): Promise<void> {
  await patroniAsk(member, "PATCH", "/config", { postgresql: { parameters } }, ANSWER_MS);
}
