import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { type JsonAnswer, jsonRequest, whyUnreachable } from "../json-request.ts";
import { patroniPasswords, REST_USER } from "./passwords.ts";
import { PatroniFailed } from "./problem.ts";
import type { PatroniSpec } from "./spec.ts";

const AGAIN_MS = 50;

/** What a member says of itself (Patroni manual, "Patroni REST API"). Fields are missing while it starts. */
const Status = z.object({
  state: z.string(),
  // `master` up to Patroni 3, `primary` from 4.
  role: z.string().transform((role) => (role === "master" ? "primary" : role)),
  // Patroni 3.0 says `null` on a standby that was built a moment ago.
  timeline: z
    .int()
    .nullish()
    .transform((timeline) => timeline ?? undefined),
});

/** A member's own word; `leads` when it holds the leader's key. */
export type MemberStatus = z.infer<typeof Status> & { readonly leads: boolean };

/** Asks a member about itself. Throws what `fetch` throws where nobody answers. */
export async function memberStatus(spec: PatroniSpec, withinMs: number): Promise<MemberStatus> {
  const { status, body } = await jsonRequest(`http://${spec.address}:${spec.restPort}/primary`, { withinMs });
  return { ...Status.parse(body), leads: status === 200 };
}

/**
 * Asks a member to do something, with the password of the REST API.
 * @param withinMs longest time until it is done, in milliseconds
 * @throws PatroniFailed when it cannot be reached or refuses
 */
export async function patroniAsk(
  spec: PatroniSpec,
  method: "PATCH" | "POST",
  path: string,
  body: unknown,
  withinMs: number,
): Promise<void> {
  const at = `http://${spec.address}:${spec.restPort}${path}`;
  const password = (await patroniPasswords(spec.patroniSecrets))[REST_USER];
  const authorization = `Basic ${Buffer.from(`${REST_USER}:${password}`).toString("base64")}`;
  const ask = () =>
    jsonRequest(at, { method, headers: { authorization }, body, withinMs }).catch((cause: unknown) => {
      throw new PatroniFailed(at, `cannot be reached: ${whyUnreachable(cause)}`, { cause });
    });
  let answer = await ask();
  for (const until = performance.now() + withinMs; notYet(method, answer) && performance.now() < until; ) {
    await delay(AGAIN_MS);
    answer = await ask();
  }
  if (answer.status < 300) return;
  throw new PatroniFailed(at, `refused with status ${answer.status}${answer.text === "" ? "" : `: ${answer.text}`}`);
}

/** There are no settings to change yet: Patroni writes the first ones to etcd a moment after it has become the leader. */
function notYet(method: string, { status }: JsonAnswer): boolean {
  return method === "PATCH" && status === 503;
}
