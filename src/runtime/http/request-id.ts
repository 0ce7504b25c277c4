import { randomBytes } from "node:crypto";

const VALID = /^[A-Za-z0-9._~:@+/=-]{1,128}$/;

const prefix = randomBytes(6).toString("base64url");
let counter = 0;

/**
 * The id of a request: the client's own `X-Request-Id` when it is 1 to 128 safe characters, else a new one. A new id is
 * this process's random prefix and a counter: unique without the cost of random bytes for each request. It is a name to find
 * log lines by, never a secret.
 */
export function requestId(given: string | string[] | undefined): string {
  if (typeof given === "string" && VALID.test(given)) return given;
  counter += 1;
  return `${prefix}-${counter.toString(36)}`;
}
