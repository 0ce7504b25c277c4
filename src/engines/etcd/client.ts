import { z } from "zod";
import { type JsonAnswer, jsonRequest, whyUnreachable } from "../json-request.ts";
import { EtcdFailed } from "./problem.ts";

const ANSWER_MS = 5_000;

const Refused = z.object({ error: z.string() });
const Token = z.object({ token: z.string() });

/** etcd's own words for refusals that a caller reacts to (etcd 3.4, api/v3rpc/rpctypes/error.go). */
export const REFUSAL = {
  authOff: "etcdserver: authentication is not enabled",
  badPassword: "etcdserver: authentication failed, invalid user ID or password",
  userThere: "etcdserver: user name already exists",
  roleThere: "etcdserver: role name already exists",
  unhealthy: "etcdserver: unhealthy cluster",
  notReady: "etcdserver: re-configuration failed due to not enough started members",
  learnerBehind: "etcdserver: can only promote a learner member which is in sync with leader",
  notLearner: "etcdserver: can only promote a learner member",
} as const;

/**
 * One call of etcd's JSON interface, such as `kv/range`.
 * @returns the answer, or the words of a refusal that is one of `expected`
 * @throws EtcdFailed when it cannot be reached or refuses in another way
 */
export async function etcdCall(
  url: string,
  method: string,
  body: Readonly<Record<string, unknown>>,
  options: { token?: string | undefined; expected?: readonly string[] } = {},
): Promise<{ body: unknown } | { refused: string }> {
  const { token, expected = [] } = options;
  let answer: JsonAnswer;
  try {
    const headers = token === undefined ? {} : { authorization: token };
    answer = await jsonRequest(`${url}/v3/${method}`, { method: "POST", headers, body, withinMs: ANSWER_MS });
  } catch (cause) {
    throw new EtcdFailed(`${url} ${method}`, `cannot be reached: ${whyUnreachable(cause)}`, { cause });
  }
  if (answer.status === 200) return { body: answer.body };
  const { data } = Refused.safeParse(answer.body);
  const refused = data?.error ?? `status ${answer.status}`;
  if (expected.includes(refused)) return { refused };
  throw new EtcdFailed(`${url} ${method}`, `was refused: ${refused}`);
}

/**
 * Signs in. @returns a token, or the reason why there is none
 * @throws EtcdFailed when etcd cannot be reached
 */
export async function signIn(
  url: string,
  user: string,
  password: string,
): Promise<{ token: string } | { refused: string }> {
  const expected = [REFUSAL.authOff, REFUSAL.badPassword];
  const answer = await etcdCall(url, "auth/authenticate", { name: user, password }, { expected });
  return "refused" in answer ? answer : Token.parse(answer.body);
}
